use prost::Message;

use super::*;
use crate::envoy::tls::UpstreamTlsContext;

fn kind_of(name: &str) -> SanType {
    SanType::try_from(exact_name(name).san_type).unwrap()
}

#[test]
fn a_name_is_matched_only_as_what_it_is() {
    assert_eq!(kind_of("spiffe://cluster2.local/ns/default/sa/server"), SanType::Uri);
    assert_eq!(kind_of("server.example"), SanType::Dns);
    assert_eq!(kind_of("203.0.113.7"), SanType::IpAddress);
}

#[test]
fn a_trust_domain_ends_at_the_slash_so_that_its_prefixes_are_strangers() {
    let matcher = any_of_trust_domain(&"cluster1.local").matcher.unwrap();
    assert_eq!(matcher.match_pattern, Some(MatchPattern::Prefix("spiffe://cluster1.local/".into())));
}

#[test]
fn the_post_quantum_group_comes_first() {
    let tls = ClientTls { certificate: None, server: PeerCheck::Nothing, sni: String::new(), alpn: vec![] };
    let Some(ConfigType::TypedConfig(config)) = client_socket(tls).config_type else { panic!("no config") };
    let context = UpstreamTlsContext::decode(config.value.as_slice()).unwrap();
    let groups = context.common_tls_context.unwrap().tls_params.unwrap().ecdh_curves;
    assert_eq!(groups, ["X25519MLKEM768", "X25519", "P-256"]);
}
