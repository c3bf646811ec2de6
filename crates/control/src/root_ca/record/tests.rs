use carrick_identity::PrivateKey;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn domain(name: &str) -> TrustDomain {
    TrustDomain::new(name).unwrap()
}

fn record() -> (tempfile::TempDir, Record, CertificateAuthority) {
    let dir = tempfile::tempdir().unwrap();
    let authority = CertificateAuthority::new_root("test", HOUR, SystemTime::now()).unwrap();
    let record = Record::in_dir(dir.path());
    (dir, record, authority)
}

#[test]
fn a_damaged_record_decides_nothing_and_is_not_written_over() {
    let (dir, record, _) = record();
    let path = dir.path().join(JOURNAL);
    record.make_token(&domain("a.example"), HOUR, SystemTime::now()).unwrap();
    let good = std::fs::read_to_string(&path).unwrap();
    let unknown = "{\"event\":\"token-revoked\",\"at\":1,\"token\":\"0123456789abcdef\"}";
    for bad in ["{ half", "{\"event\":\"nonsense\"}", unknown] {
        let damaged = format!("{good}{bad}\n{good}");
        std::fs::write(&path, &damaged).unwrap();
        let refusal = record.make_token(&domain("a.example"), HOUR, SystemTime::now()).unwrap_err();
        assert!(refusal.to_string().contains("journal.jsonl:2: "), "{refusal}");
        assert!(record.read().is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), damaged);
    }
}

#[test]
fn what_is_revoked_must_be_on_record() {
    let (dir, record, _) = record();
    let token: TokenId = "0123456789abcdef".parse().unwrap();
    assert!(matches!(record.revoke_token(&token, SystemTime::now()), Err(RecordError::Refused(_))));
    assert!(matches!(record.revoke_ca("0a", SystemTime::now()), Err(RecordError::Refused(_))));
    assert_eq!(std::fs::metadata(dir.path().join(JOURNAL)).unwrap().len(), 0);
}

#[test]
fn a_revoked_ca_stays_revoked_after_a_restart() {
    let (dir, record, authority) = record();
    let key = PrivateKey::generate().unwrap();
    let domain = domain("a.example");
    let token = record.make_token(&domain, HOUR, SystemTime::now()).unwrap();
    let wanted = Wanted { token: token.expose(), claimed: &domain, key: key.public_key(), seconds: 0 };
    let issued = record.sign(&authority, &wanted, SystemTime::now()).unwrap();
    record.revoke_ca(&issued.serial.to_uppercase(), SystemTime::now()).unwrap();
    let restarted = Record::in_dir(dir.path());
    let refusal = restarted.sign(&authority, &wanted, SystemTime::now()).unwrap_err();
    assert!(refusal.to_string().contains("was revoked at"), "{refusal}");
    assert!(restarted.read().unwrap().issued()[0].revoked.is_some());
}
