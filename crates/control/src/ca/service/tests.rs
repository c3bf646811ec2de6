use carrick_identity::{CertificateAuthority, PrivateKey, TrustBundle, TrustDomain};

use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A root that lives for a year, and a cluster CA of it that lives for `life` from `now` on.
fn cluster_ca(life: Duration, now: SystemTime) -> CaCerts {
    let root = CertificateAuthority::new_root("root", 365 * DAY, now).unwrap();
    let key = PrivateKey::generate().unwrap();
    let domain = TrustDomain::new("one.example").unwrap();
    let certificate = root.issue_cluster_ca(key.public_key(), &domain, life, now).unwrap();
    let bundle = TrustBundle::new(vec![root.certificate().clone()]).unwrap();
    CaCerts::new(certificate.clone(), key, vec![certificate], bundle, now).unwrap()
}

#[test]
fn lifetimes_follow_what_is_left_of_the_ca_that_signs_now_not_what_was_left_at_the_start() {
    let now = SystemTime::now();
    let (policy, ca) = (TtlPolicy::default(), ClusterCa::new(cluster_ca(7 * DAY, now)));
    let granted = |at| lifetime(&ca.active(), policy, 0, at);
    assert_eq!(granted(now).unwrap(), DAY);
    // The CA has grown old.
    let late = granted(now + 7 * DAY - HOUR).unwrap();
    assert!(late <= HOUR && late > HOUR / 2, "{late:?}");
    assert!(matches!(granted(now + 8 * DAY), Err(TtlError::ChainExpired { .. })));
    // It is replaced by one that lives longer, then by one that lives for a short time.
    ca.replace(cluster_ca(30 * DAY, now));
    assert_eq!(granted(now + 8 * DAY).unwrap(), DAY);
    ca.replace(cluster_ca(HOUR, now));
    assert!(granted(now).unwrap() <= HOUR);
}

#[test]
fn a_wish_above_the_maximum_is_refused_not_cut() {
    let now = SystemTime::now();
    let wish = i64::try_from((91 * DAY).as_secs()).unwrap();
    let refused = lifetime(&cluster_ca(365 * DAY, now), TtlPolicy::default(), wish, now);
    assert!(matches!(refused, Err(TtlError::TooLong { .. })), "{refused:?}");
}
