use super::*;
use crate::resource::{Kind, Meta};

/// Chains that are told apart by the field of their route.
fn chains(names: &[(&str, &'static str)]) -> Chains {
    let resource =
        || Arc::new(Resource::new(Meta::made(Kind::VirtualService, "a", "b"), VirtualService::default()));
    let route = |field: &str| LeadsTo::Route {
        resource: resource(),
        field: field.to_owned(),
        destinations: vec![],
        called: 80,
    };
    let chain = |(name, field): &(&str, &'static str)| Chain {
        names: vec![(*name).to_owned()],
        leads_to: route(field),
    };
    Chains::from(names.iter().map(chain).collect())
}

fn taken<'a>(chains: &'a Chains, sni: &str) -> Option<&'a str> {
    match chains.find(sni, true)? {
        LeadsTo::Route { field, .. } => Some(field),
        LeadsTo::Service(..) | LeadsTo::Unknown => None,
    }
}

#[test]
fn the_name_itself_is_before_the_longest_wildcard_and_that_is_before_any_name() {
    let all =
        chains(&[("*", "any"), ("*.example", "short"), ("*.a.example", "long"), ("b.a.example", "exact")]);
    assert_eq!(taken(&all, "b.a.example"), Some("exact"));
    assert_eq!(taken(&all, "c.a.example"), Some("long"));
    assert_eq!(taken(&all, "d.c.a.example"), Some("long"), "a wildcard stands for any number of labels");
    assert_eq!(taken(&all, "c.example"), Some("short"));
    assert_eq!(taken(&all, "example"), Some("any"), "a wildcard does not stand for nothing");
}

#[test]
fn of_two_chains_with_one_name_the_older_one_has_it() {
    let all = chains(&[("a.example", "older"), ("a.example", "younger")]);
    assert_eq!(taken(&all, "a.example"), Some("older"));
    assert_eq!(taken(&all, "b.example"), None);
}
