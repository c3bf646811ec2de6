use super::FieldError;

#[test]
fn each_level_puts_its_own_step_in_front() {
    let error = FieldError::new("cluster", "must not be empty").within("typed_config").within("filters[0]");
    assert_eq!(
        error.within("filter_chains[2]").to_string(),
        "filter_chains[2].filters[0].typed_config.cluster: must not be empty"
    );
}

#[test]
fn an_index_joins_without_a_dot_and_an_empty_step_adds_nothing() {
    let error = FieldError::new("[3]", "is not an address").within("").within("prefix_ranges");
    assert_eq!(error.to_string(), "prefix_ranges[3]: is not an address");
    assert_eq!(FieldError::new("", "has no name").to_string(), "has no name");
    assert_eq!(FieldError::new("", "has no name").within("listeners[1]").path(), "listeners[1]");
}
