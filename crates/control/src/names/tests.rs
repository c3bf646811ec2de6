use carrick_identity::TrustDomain;
use carrick_model::{AddressTable, MeshSettings, build};

use super::*;

fn state(version: u64, suffix: &str, resolvers: &[&str]) -> Arc<Published> {
    let domain = TrustDomain::new("one.example").unwrap();
    let settings = MeshSettings { dns_suffix: suffix.into(), ..MeshSettings::new("one", domain) };
    let (snapshot, _, _) = build(Vec::new(), settings, AddressTable::default());
    Arc::new(Published {
        version,
        snapshot: Arc::new(snapshot),
        resolvers: resolvers.iter().map(ToString::to_string).collect(),
        diagnostics: Vec::new(),
        files: Vec::new(),
    })
}

#[tokio::test]
async fn resolvers_follow_an_edit_like_the_table_does() {
    let (publish, published) = watch::channel(state(1, "global", &["192.0.2.53"]));
    let (mut tables, mut resolvers) = tables(published, None);
    let first = resolvers.wait_for(|now| !now.is_empty()).await.unwrap().clone();
    assert_eq!(first, ["192.0.2.53:53".parse().unwrap()]);

    publish.send_replace(state(2, "global", &["192.0.2.54:5353", "nonsense", "2001:db8::1"]));
    let second = resolvers.wait_for(|now| *now != first).await.unwrap().clone();
    assert_eq!(second, ["192.0.2.54:5353".parse().unwrap(), "[2001:db8::1]:53".parse().unwrap()]);
    assert!(tables.wait_for(Option::is_some).await.is_ok());

    publish.send_replace(state(3, "global", &[]));
    resolvers.wait_for(Vec::is_empty).await.unwrap();
}
