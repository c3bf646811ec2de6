//! The filter chains of a gateway's TLS port, as far as server names go: which one takes an SNI, and where it leads.

use std::collections::BTreeMap;

use crate::host;
use crate::snapshot::{SniClaim, SniTarget};

/// All chains of a port, found by name.
pub(super) struct Chains {
    all: Vec<SniClaim>,
    /// Oldest first under each name.
    exact: BTreeMap<String, Vec<usize>>,
    /// The longest first, `*` last.
    wildcards: Vec<(String, usize)>,
}

impl Chains {
    pub(super) fn from_claims<'a>(claims: impl IntoIterator<Item = &'a SniClaim>) -> Chains {
        let all: Vec<SniClaim> = claims.into_iter().filter(|claim| claim.taken.is_none()).cloned().collect();
        let mut exact: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut wildcards = Vec::new();
        for (number, claim) in all.iter().enumerate() {
            for name in &claim.names {
                match host::is_wildcard(name) {
                    true => wildcards.push((name.clone(), number)),
                    false => exact.entry(name.clone()).or_default().push(number),
                }
            }
        }
        wildcards.sort_by_key(|(name, number)| (std::cmp::Reverse(name.len()), *number));
        Chains { all, exact, wildcards }
    }

    /// Where the SNI leads: by the name itself, else by the longest wildcard (Envoy's FilterChainMatch). Of two claims that fit alike the
    /// older one has the name.
    pub(super) fn find(&self, sni: &str, has_alpn: bool) -> Option<&SniClaim> {
        let exact = self.exact.get(sni).into_iter().flatten();
        let covers = |name: &str| name == "*" || host::is_subset(sni, name);
        let wild = self.wildcards.iter().filter(|(name, _)| covers(name)).map(|(_, number)| number);
        let mut fitting = exact.chain(wild).map(|number| &self.all[*number]);
        fitting.find(|claim| has_alpn || !matches!(claim.target, SniTarget::Service { .. }))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.all.iter().flat_map(|claim| &claim.names)
    }
}

#[cfg(test)]
mod tests;
