//! One mesh, several names: principals of the mesh's own trust domain are known under its aliases
//! too (`pilot/pkg/security/trustdomain/bundle.go`).

use carrick_model::MeshSettings;

/// Stands for the mesh's own trust domain, whatever it is called.
const LOCAL: &str = "cluster.local";

/// The principals, each of the own trust domain, an alias or `cluster.local` under all of the
/// mesh's names. Others stay as written.
pub(super) fn expand(principals: &[String], settings: &MeshSettings) -> Vec<String> {
    let own: Vec<&str> = std::iter::once(&settings.trust_domain)
        .chain(&settings.trust_domain_aliases)
        .map(|domain| domain.as_str())
        .collect();
    let mut expanded: Vec<String> = Vec::new();
    for principal in principals {
        for name in names(principal, &own) {
            if !expanded.contains(&name) {
                expanded.push(name);
            }
        }
    }
    expanded
}

fn names(principal: &str, own: &[&str]) -> Vec<String> {
    // Only `DOMAIN/ns/NAMESPACE/sa/ACCOUNT` speaks of a trust domain; `*/...` means any.
    let is_whole = principal.split('/').count() == 5;
    let Some((domain, rest)) = principal.split_once('/').filter(|(domain, _)| is_whole && *domain != "*")
    else {
        return vec![principal.to_owned()];
    };
    let ends_with = |name: &str| domain.strip_prefix('*').is_some_and(|suffix| name.ends_with(suffix));
    if domain != LOCAL && !own.iter().any(|name| *name == domain || ends_with(name)) {
        return vec![principal.to_owned()];
    }
    let of_name = |name: &&str| match ends_with(name) {
        // The pattern covers this name as it stands.
        true => principal.to_owned(),
        false => format!("{name}/{rest}"),
    };
    own.iter().map(of_name).collect()
}
