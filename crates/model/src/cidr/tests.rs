use super::*;

#[test]
fn a_bare_address_is_a_range_of_one() {
    let one: Cidr = "10.1.2.3".parse().unwrap();
    assert!(one.is_single() && one.size() == 1 && one.to_string() == "10.1.2.3");
    assert_eq!("10.1.2.3/32".parse(), Ok(one));
    let all: Cidr = "0.0.0.0/0".parse().unwrap();
    assert!(all.contains(one.address()) && !all.contains("::1".parse().unwrap()));
    let six: Cidr = "2001:2::/48".parse().unwrap();
    assert!(six.contains("2001:2::1".parse().unwrap()) && !six.contains("2001:3::1".parse().unwrap()));
    assert!("::/0".parse::<Cidr>().unwrap().contains("::1".parse().unwrap()));
}

#[test]
fn what_is_no_range_is_refused() {
    for bad in
        ["", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/8/8", "::1/129", "a.example"]
    {
        assert!(bad.parse::<Cidr>().is_err(), "{bad:?}");
    }
}
