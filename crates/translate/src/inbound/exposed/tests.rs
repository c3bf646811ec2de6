use super::*;

const ALL: [Protocol; 4] = [Protocol::Http, Protocol::Tcp, Protocol::Tls, Protocol::Auto];
const MODES: [MtlsMode; 3] = [MtlsMode::Strict, MtlsMode::Permissive, MtlsMode::Disable];

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn whoever_comes_by_an_exposed_name_shows_a_certificate_whatever_the_mode() {
    for protocol in ALL {
        for (mode, legacy) in MODES.into_iter().flat_map(|mode| [(mode, false), (mode, true)]) {
            let usual = chain_specs(protocol, mode, legacy);
            let chains = inbound_chains(protocol, &names(&["a", "b"]), usual.clone());
            let (outer, inner): (Vec<_>, Vec<_>) = chains.into_iter().partition(|chain| chain.from_outside);
            assert!(!outer.is_empty(), "{protocol:?} {mode:?}");
            assert!(outer.iter().all(|chain| chain.spec.terminates && chain.server_names == ["a", "b"]));
            // One of them takes every ALPN: none is left to the chains without a name.
            assert!(outer.iter().any(|chain| chain.spec.alpn.is_empty()), "{protocol:?} {mode:?}");
            assert_eq!(inner.iter().map(|chain| chain.spec).collect::<Vec<_>>(), usual);

            let chains = inbound_chains(protocol, &names(&["a", "*"]), usual);
            assert!(chains.iter().all(|chain| chain.server_names.is_empty()));
            assert!(chains.iter().all(|chain| chain.spec.terminates || !chain.spec.is_tls()), "{protocol:?}");
        }
    }
}

#[test]
fn a_port_that_nobody_exposes_is_as_its_mode_says() {
    let usual = chain_specs(Protocol::Tcp, MtlsMode::Permissive, false);
    let chains = inbound_chains(Protocol::Tcp, &names(&[]), usual.clone());
    assert_eq!(chains.iter().map(|chain| chain.spec).collect::<Vec<_>>(), usual);
    assert!(chains.iter().all(|chain| !chain.from_outside && chain.server_names.is_empty()));
}
