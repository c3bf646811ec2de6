use super::*;
use crate::snapshot::SniTaken;

/// Claims that the place of their server names apart.
fn chains(names: &[(&str, usize)]) -> Chains {
    let claim = |(name, server): &(&str, usize)| SniClaim {
        server: *server,
        names: vec![(*name).to_owned()],
        target: SniTarget::Terminated,
        taken: None,
    };
    Chains::from_claims(&names.iter().map(claim).collect::<Vec<_>>())
}

fn found(chains: &Chains, sni: &str) -> Option<usize> {
    chains.find(sni, true).map(|claim| claim.server)
}

#[test]
fn the_name_itself_is_before_the_longest_wildcard_and_that_is_before_any_name() {
    let all = chains(&[("*", 1), ("*.example", 2), ("*.a.example", 3), ("b.a.example", 4)]);
    assert_eq!(found(&all, "b.a.example"), Some(4));
    assert_eq!(found(&all, "c.a.example"), Some(3));
    assert_eq!(found(&all, "d.c.a.example"), Some(3), "a wildcard stands for any number of labels");
    assert_eq!(found(&all, "c.example"), Some(2));
    assert_eq!(found(&all, "example"), Some(1), "a wildcard does not stand for nothing");
}

#[test]
fn a_claim_that_came_too_late_has_no_chain() {
    let mut claims = vec![
        SniClaim { server: 0, names: vec!["a.example".into()], target: SniTarget::Terminated, taken: None },
        SniClaim {
            server: 1,
            names: vec!["a.example".into(), "b.example".into()],
            target: SniTarget::Terminated,
            taken: Some(SniTaken { name: "a.example".into(), by: 0 }),
        },
    ];
    let all = Chains::from_claims(&claims);
    assert_eq!((found(&all, "a.example"), found(&all, "b.example")), (Some(0), None));
    claims[1].taken = None;
    assert_eq!(found(&Chains::from_claims(&claims), "b.example"), Some(1));
}
