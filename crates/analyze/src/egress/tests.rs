use super::*;

#[test]
fn an_address_is_real_where_somebody_may_answer() {
    let real = |text: &str| is_real(text.parse().unwrap());
    for text in ["1.1.1.1", "8.8.8.8", "10.0.0.1", "192.168.1.1", "2606:4700::1111"] {
        assert!(real(text), "{text}");
    }
    for text in
        ["127.8.8.8", "0.0.0.0", "240.240.0.1", "255.255.255.255", "203.0.113.7", "169.254.0.1", "::1"]
    {
        assert!(!real(text), "{text}");
    }
}
