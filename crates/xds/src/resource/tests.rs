use proptest::prelude::*;

use super::*;

fn clusters(versions: &BTreeMap<String, u32>) -> ProxyResources {
    let mut resources = ProxyResources::default();
    for (name, version) in versions {
        // The name is the key; the content only has to differ.
        let cluster =
            Cluster { name: name.clone(), alt_stat_name: version.to_string(), ..Cluster::default() };
        resources.add_cluster(&cluster);
    }
    resources
}

fn some_clusters() -> impl Strategy<Value = BTreeMap<String, u32>> {
    proptest::collection::btree_map("[a-e]", 0_u32..3, 0..5)
}

proptest! {
    #[test]
    fn differences_are_the_names_whose_content_differs(before in some_clusters(), after in some_clusters()) {
        let names: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let expected: Vec<&str> =
            names.into_iter().filter(|name| before.get(*name) != after.get(*name)).map(String::as_str).collect();
        let (old, mut new) = (clusters(&before), clusters(&after));
        prop_assert_eq!(old.differences(ResourceType::Cluster, &new), expected.clone());
        new.share_with(&old);
        prop_assert_eq!(old.differences(ResourceType::Cluster, &new), expected);
        prop_assert_eq!(new, clusters(&after));
    }

    #[test]
    fn an_extended_set_holds_both_and_the_newcomers_win(one in some_clusters(), two in some_clusters()) {
        let mut both = clusters(&one);
        both.extend(clusters(&two));
        let expected = one.into_iter().chain(two).collect();
        prop_assert_eq!(both, clusters(&expected));
    }
}
