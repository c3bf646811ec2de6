use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn domain(name: &str) -> TrustDomain {
    TrustDomain::new(name).unwrap()
}

#[test]
fn a_token_enrols_its_trust_domain_once() {
    let dir = tempfile::tempdir().unwrap();
    let token = issue(dir.path(), &domain("a.example"), MINUTE).unwrap();
    let grant = consume(dir.path(), token.expose(), &domain("a.example"), SystemTime::now()).unwrap();
    assert_eq!(grant.trust_domain, domain("a.example"));
    let again = consume(dir.path(), token.expose(), &domain("a.example"), SystemTime::now());
    assert!(matches!(again, Err(EnrolError::Refused(EnrolmentError::Used { .. }))), "{again:?}");
}

#[test]
fn of_a_hundred_racers_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let token = issue(dir.path(), &domain("a.example"), MINUTE).unwrap();
    let won = std::thread::scope(|scope| {
        let race = || consume(dir.path(), token.expose(), &domain("a.example"), SystemTime::now()).is_ok();
        let racers: Vec<_> = (0..100).map(|_| scope.spawn(race)).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).filter(|won| *won).count()
    });
    assert_eq!(won, 1);
}

#[test]
fn a_token_for_another_trust_domain_is_refused_and_stays_good() {
    let dir = tempfile::tempdir().unwrap();
    let token = issue(dir.path(), &domain("a.example"), MINUTE).unwrap();
    assert!(consume(dir.path(), token.expose(), &domain("b.example"), SystemTime::now()).is_err());
    assert!(consume(dir.path(), token.expose(), &domain("a.example"), SystemTime::now()).is_ok());
}

#[test]
fn a_damaged_table_refuses_everybody_and_is_not_written_over() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(TABLE), "{ half").unwrap();
    assert!(issue(dir.path(), &domain("a.example"), MINUTE).is_err());
    assert_eq!(std::fs::read_to_string(dir.path().join(TABLE)).unwrap(), "{ half");
}
