//! Decides what `setup` has to do. It calls neither Stripe nor the database.

use super::endpoint::Endpoint;
use crate::database::calls::Recorded;
use crate::environment::Environment;

/// Everything that the plan depends on.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The environment to set up.
    pub environment: Environment,
    /// The URL that Stripe should post events to.
    pub url: String,
    /// The API version that events should have.
    pub version: String,
    /// The event types that change rows.
    pub types: Vec<String>,
    /// The account that the key belongs to, or `None` if the key may not read it.
    pub account: Option<String>,
    /// What the database has recorded about the environment.
    pub recorded: Recorded,
    /// All webhook endpoints of the account.
    pub endpoints: Vec<Endpoint>,
    /// Whether an event in `version` was delivered since the endpoint was configured.
    pub new_version_received: bool,
    /// Whether the user asked for a new endpoint.
    pub new_endpoint: bool,
    /// Whether the user passed a file with the endpoint's secret.
    pub has_secret_file: bool,
}

/// One step of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Records the account with this id as the environment's own.
    RecordAccount(String),
    /// Creates an endpoint, stores its secret, and records it.
    Create,
    /// Updates the URL, the event types and the state of the endpoint with this id.
    Update(String),
    /// Stores the secret from the secret file.
    StoreSecret,
    /// Records the existing endpoint with this id.
    Record(String),
    /// Disables the replaced endpoint with this id.
    Disable(String),
}

/// The steps to carry out, and notes for the user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// The notes, one sentence or more each.
    pub notes: Vec<String>,
}

/// The metadata field that marks an endpoint as created by `setup`. Its value is the environment.
pub const MARK: &str = "payments_bridge";

impl Facts {
    fn is_ours(&self, endpoint: &Endpoint) -> bool {
        self.recorded.endpoint_id.as_ref() == Some(&endpoint.id)
            || endpoint.metadata.get(MARK).is_some_and(|mark| mark == self.environment.name())
            || endpoint.url == self.url
    }

    /// The endpoint to keep: one with the right API version. It prefers the recorded one, then an enabled one.
    fn current(&self) -> Option<&Endpoint> {
        let ours = self.endpoints.iter().filter(|one| self.is_ours(one));
        ours.filter(|one| one.api_version.as_deref() == Some(self.version.as_str()))
            .max_by_key(|one| (self.recorded.endpoint_id.as_ref() == Some(&one.id), one.is_enabled()))
    }
}

/// Decides which steps are needed.
///
/// # Errors
/// A message for the user that says why `setup` does nothing.
pub fn plan(facts: &Facts) -> Result<Plan, String> {
    let environment = facts.environment;
    let mut plan = Plan::default();
    match (&facts.account, &facts.recorded.account) {
        (Some(account), Some(recorded)) if account != recorded => {
            return Err(format!(
                "the {environment} key belongs to account {account}, but the database has recorded {recorded}"
            ));
        }
        (Some(account), None) => plan.steps.push(Step::RecordAccount(account.clone())),
        (Some(_), Some(_)) => {}
        (None, _) => {
            plan.notes.push(
                "the key may not read its account: record the account with payments.set_stripe_account()".to_owned(),
            );
        }
    }
    allow_environment(facts, &mut plan)?;
    match facts.current() {
        Some(current) if facts.new_endpoint => {
            plan.steps.extend([Step::Create, Step::Disable(current.id.clone())]);
        }
        Some(current) => keep_endpoint(facts, current, &mut plan)?,
        None if facts.has_secret_file => {
            return Err("no endpoint has the right API version, so --secret-file cannot be used: run setup without it"
                .to_owned());
        }
        None => plan.steps.push(Step::Create),
    }
    replace_others(facts, &mut plan);
    Ok(plan)
}

/// Allows test always, and live once it is approved. The approval needs a webhook secret, so before the approval
/// `setup` may create the live endpoint once.
fn allow_environment(facts: &Facts, plan: &mut Plan) -> Result<(), String> {
    if facts.recorded.open {
        return Ok(());
    }
    if facts.recorded.has_secret {
        return Err(
            "live is not approved, but already has a secret: approve it with payments.approve_live(approved_by), \
            then run setup again"
                .to_owned(),
        );
    }
    plan.notes.push(
        "live is not approved: this run prepares the approval. Until the approval, the database refuses live events, \
         and Stripe retries them for three days. Next: payments-bridge sync --live --only products,prices, then \
         payments.approve_live(approved_by)"
            .to_owned(),
    );
    Ok(())
}

fn keep_endpoint(facts: &Facts, current: &Endpoint, plan: &mut Plan) -> Result<(), String> {
    if facts.has_secret_file {
        plan.steps.push(Step::StoreSecret);
    } else if !facts.recorded.has_secret {
        return Err(format!(
            "the database has no secret for endpoint {}, and Stripe's API returns a secret only when an endpoint is \
             created: create a new endpoint with --new-endpoint, or pass the secret from Stripe's dashboard with \
             --secret-file FILE",
            current.id
        ));
    }
    if current.url != facts.url || !current.is_enabled() || !current.has_exactly(&facts.types) {
        plan.steps.push(Step::Update(current.id.clone()));
    }
    let recorded = &facts.recorded;
    if recorded.endpoint_id.as_ref() != Some(&current.id) || recorded.endpoint_url.as_ref() != Some(&facts.url) {
        plan.steps.push(Step::Record(current.id.clone()));
    }
    Ok(())
}

/// Disables endpoints of another API version, but only once the new endpoint is known to work. Until then Stripe posts
/// each event to both, and the database processes it once.
fn replace_others(facts: &Facts, plan: &mut Plan) {
    let others = facts.endpoints.iter().filter(|one| facts.is_ours(one) && one.is_enabled());
    for other in others.filter(|one| one.api_version.as_deref() != Some(facts.version.as_str())) {
        if facts.new_version_received {
            plan.steps.push(Step::Disable(other.id.clone()));
        } else {
            let version = other.api_version.as_deref().unwrap_or("the account's default version");
            plan.notes.push(format!(
                "endpoint {} sends events in {version} and stays enabled; run setup again after the first event in {} \
                 arrives",
                other.id, facts.version
            ));
        }
    }
}

impl Step {
    /// The step as a phrase for the user.
    #[must_use]
    pub fn describe(&self, facts: &Facts) -> String {
        match self {
            Self::RecordAccount(account) => format!("record {account} as the account of {}", facts.environment),
            Self::Create => format!(
                "create a webhook endpoint at Stripe: {}, {} event types, version {}; store its secret in the database",
                facts.url,
                facts.types.len(),
                facts.version
            ),
            Self::Update(id) => {
                format!("update endpoint {id} at Stripe: {}, {} event types, enabled", facts.url, facts.types.len())
            }
            Self::StoreSecret => "store the secret from --secret-file in the database".to_owned(),
            Self::Record(id) => format!("record endpoint {id} in the database"),
            Self::Disable(id) => format!("disable endpoint {id} at Stripe"),
        }
    }
}

#[cfg(test)]
mod tests;
