use super::*;

fn nack(name: &str) -> Event {
    Event::Nacked {
        kind: ResourceType::Listener,
        nonce: "1".into(),
        names: vec![name.into()],
        reason: "because".into(),
    }
}

fn cause(_: ResourceType, name: &str) -> Vec<String> {
    vec![format!("written for {name}")]
}

#[test]
fn a_refusal_is_shown_until_the_resource_is_accepted() {
    let proxies = Arc::new(Proxies::default());
    let connection = proxies.connected("sidecar~1", "envoy");
    connection.sent(7);
    connection.event(nack("a"), cause);
    connection.event(nack("b"), cause);
    let news = proxies.refusals();
    connection.event(
        Event::Acked { kind: ResourceType::Listener, nonce: "2".into(), names: vec!["a".into()] },
        cause,
    );
    assert!(news.has_changed().unwrap());
    let list = proxies.list();
    assert_eq!((list[0].sent, list[0].program.as_str()), (7, "envoy"));
    let expected = Refusal { reason: "because".into(), causes: vec!["written for b".into()] };
    assert_eq!(list[0].refused, [("listener b".to_owned(), expected)].into());
}

#[test]
fn a_proxy_that_goes_is_forgotten() {
    let proxies = Arc::new(Proxies::default());
    let connection = proxies.connected("sidecar~1", "carrick");
    assert_eq!(proxies.list().len(), 1);
    drop(connection);
    assert!(proxies.list().is_empty());
}
