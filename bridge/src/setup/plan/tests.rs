use super::{Endpoint, Environment, Facts, MARK, Recorded, Step, plan};

fn endpoint(id: &str, version: &str) -> Endpoint {
    Endpoint {
        id: id.to_owned(),
        url: "https://a.example/stripe/test".to_owned(),
        status: "enabled".to_owned(),
        api_version: Some(version.to_owned()),
        enabled_events: vec!["b".to_owned(), "a".to_owned()],
        metadata: [(MARK.to_owned(), "test".to_owned())].into(),
    }
}

/// The facts of a second run, when everything is up to date.
fn settled() -> Facts {
    Facts {
        environment: Environment::Test,
        url: "https://a.example/stripe/test".to_owned(),
        version: "v2".to_owned(),
        types: vec!["a".to_owned(), "b".to_owned()],
        account: Some("acct_1".to_owned()),
        recorded: Recorded {
            account: Some("acct_1".to_owned()),
            endpoint_id: Some("we_1".to_owned()),
            endpoint_url: Some("https://a.example/stripe/test".to_owned()),
            has_secret: true,
            open: true,
            events_read_at: None,
        },
        endpoints: vec![endpoint("we_1", "v2")],
        new_version_received: false,
        new_endpoint: false,
        has_secret_file: false,
    }
}

fn steps(facts: &Facts) -> Vec<Step> {
    plan(facts).map_or_else(|why| panic!("{why}"), |plan| plan.steps)
}

#[test]
fn the_first_run_creates_an_endpoint() {
    let recorded = Recorded { open: true, ..Recorded::default() };
    let facts = Facts { recorded, endpoints: Vec::new(), ..settled() };
    assert_eq!(steps(&facts), [Step::RecordAccount("acct_1".to_owned()), Step::Create]);
}

#[test]
fn the_second_run_does_nothing() {
    assert_eq!(steps(&settled()), []);
}

#[test]
fn another_account_is_refused() {
    let refused = plan(&Facts { account: Some("acct_2".to_owned()), ..settled() });
    assert!(refused.is_err_and(|why| why.contains("acct_2")));
}

#[test]
fn url_types_and_state_are_updated() {
    let mut facts = Facts { types: vec!["a".to_owned()], ..settled() };
    assert_eq!(steps(&facts), [Step::Update("we_1".to_owned())]);
    facts = settled();
    facts.endpoints[0].status = "disabled".to_owned();
    assert_eq!(steps(&facts), [Step::Update("we_1".to_owned())]);
    facts = Facts { url: "https://b.example/stripe/test".to_owned(), ..settled() };
    assert_eq!(steps(&facts), [Step::Update("we_1".to_owned()), Step::Record("we_1".to_owned())]);
}

#[test]
fn a_lost_secret_is_reported_and_can_be_replaced() {
    let mut facts = settled();
    facts.recorded.has_secret = false;
    assert!(plan(&facts).is_err_and(|why| why.contains("--new-endpoint") && why.contains("--secret-file")));
    facts.has_secret_file = true;
    assert_eq!(steps(&facts), [Step::StoreSecret]);
    (facts.has_secret_file, facts.new_endpoint) = (false, true);
    assert_eq!(steps(&facts), [Step::Create, Step::Disable("we_1".to_owned())]);
}

#[test]
fn another_version_needs_a_second_endpoint_and_the_first_stays_enabled() {
    let mut facts = Facts { endpoints: vec![endpoint("we_1", "v1")], ..settled() };
    let first = plan(&facts).unwrap_or_default();
    assert_eq!(first.steps, [Step::Create]);
    assert_eq!(first.notes.len(), 1);
    facts.endpoints.push(endpoint("we_2", "v2"));
    facts.recorded.endpoint_id = Some("we_2".to_owned());
    assert_eq!(steps(&facts), []);
    facts.new_version_received = true;
    assert_eq!(steps(&facts), [Step::Disable("we_1".to_owned())]);
}

#[test]
fn live_is_set_up_once_before_its_approval() {
    let recorded = Recorded { account: Some("acct_1".to_owned()), ..Recorded::default() };
    let mut facts = Facts { environment: Environment::Live, recorded, endpoints: Vec::new(), ..settled() };
    let prepared = plan(&facts).unwrap_or_default();
    assert_eq!(prepared.steps, [Step::Create]);
    assert!(prepared.notes[0].contains("not approved"));
    facts.recorded.has_secret = true;
    assert!(plan(&facts).is_err_and(|why| why.contains("approve_live")));
    facts.recorded.open = true;
    assert!(plan(&facts).is_ok());
}

#[test]
fn endpoints_of_other_programs_are_not_changed() {
    let mut facts = settled();
    let other = Endpoint { url: "https://crm.example/hook".to_owned(), metadata: [].into(), ..endpoint("we_9", "v1") };
    facts.endpoints.push(other);
    facts.new_version_received = true;
    assert_eq!(steps(&facts), []);
}
