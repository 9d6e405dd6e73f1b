//! What `setup` would do: decided here, without asking anybody.

use super::endpoint::Endpoint;
use crate::database::calls::Recorded;
use crate::environment::Environment;

/// Everything that decides.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Test or live.
    pub environment: Environment,
    /// Where Stripe shall post to.
    pub url: String,
    /// The version of the API that events shall be rendered in.
    pub version: String,
    /// The event types that change rows.
    pub types: Vec<String>,
    /// The account that the key belongs to; none where the key may not read it.
    pub account: Option<String>,
    /// What the database says.
    pub recorded: Recorded,
    /// The account's endpoints.
    pub endpoints: Vec<Endpoint>,
    /// Whether an event in this version was delivered since the endpoint was made.
    pub new_version_came: bool,
    /// A new endpoint is asked for.
    pub new_endpoint: bool,
    /// The endpoint's secret is given.
    pub secret_given: bool,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Says which account is the environment's own.
    RecordAccount(String),
    /// Makes an endpoint, stores its secret, and records it.
    Create,
    /// Brings an endpoint's address, types and state up to date.
    Update(String),
    /// Stores the secret that was given.
    StoreSecret,
    /// Records an endpoint that is there.
    Record(String),
    /// Disables an endpoint that another replaces.
    Disable(String),
}

/// What there is to do, and what a person should know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// In order.
    pub steps: Vec<Step>,
    /// In words.
    pub notes: Vec<String>,
}

/// The field of an endpoint's metadata that says whose it is.
pub const MARK: &str = "payments_bridge";

impl Facts {
    fn ours(&self, endpoint: &Endpoint) -> bool {
        self.recorded.endpoint_id.as_ref() == Some(&endpoint.id)
            || endpoint.metadata.get(MARK).is_some_and(|mark| mark == self.environment.name())
            || endpoint.url == self.url
    }

    /// The endpoint that goes on: one of this version, best the recorded one, then an enabled one.
    fn current(&self) -> Option<&Endpoint> {
        let fitting = self.endpoints.iter().filter(|one| self.ours(one));
        fitting
            .filter(|one| one.api_version.as_deref() == Some(self.version.as_str()))
            .max_by_key(|one| (self.recorded.endpoint_id.as_ref() == Some(&one.id), one.is_enabled()))
    }
}

/// Decides.
///
/// # Errors
/// In words: why nothing can be done.
pub fn plan(facts: &Facts) -> Result<Plan, String> {
    let environment = facts.environment;
    let mut plan = Plan::default();
    match (&facts.account, &facts.recorded.account) {
        (Some(account), Some(recorded)) if account != recorded => {
            return Err(format!(
                "the {environment} key belongs to account {account}, and the database's is {recorded}"
            ));
        }
        (Some(account), None) => plan.steps.push(Step::RecordAccount(account.clone())),
        (Some(_), Some(_)) => {}
        (None, _) => {
            plan.notes.push("the key may not read its account: say it with payments.set_stripe_account()".to_owned());
        }
    }
    allow_environment(facts, &mut plan)?;
    match facts.current() {
        Some(current) if facts.new_endpoint => {
            plan.steps.extend([Step::Create, Step::Disable(current.id.clone())]);
        }
        Some(current) => keep(facts, current, &mut plan)?,
        None if facts.secret_given => {
            return Err(
                "the secret of --secret-file belongs to no endpoint in this version: run setup without it".to_owned()
            );
        }
        None => plan.steps.push(Step::Create),
    }
    replace_others(facts, &mut plan);
    Ok(plan)
}

/// Live is touched when it is approved. The approval needs a webhook secret, so the endpoint may be made before it, once.
fn allow_environment(facts: &Facts, plan: &mut Plan) -> Result<(), String> {
    if facts.recorded.open {
        return Ok(());
    }
    if facts.recorded.has_secret {
        return Err(
            "live is not approved, and its secret is there: approve it with payments.approve_live(approved_by), \
            then run setup again"
                .to_owned(),
        );
    }
    plan.notes.push(
        "live is not approved: this prepares what the approval needs. Until then live events are refused, and Stripe sends \
         them again for three days. Next: payments-bridge sync --live --only products,prices, then payments.approve_live(approved_by)"
            .to_owned(),
    );
    Ok(())
}

fn keep(facts: &Facts, current: &Endpoint, plan: &mut Plan) -> Result<(), String> {
    if facts.secret_given {
        plan.steps.push(Step::StoreSecret);
    } else if !facts.recorded.has_secret {
        return Err(format!(
            "the database has no secret of endpoint {}, and Stripe tells a secret only when an endpoint is made: make a new \
             endpoint with --new-endpoint, or pass the secret that Stripe's dashboard shows with --secret-file FILE",
            current.id
        ));
    }
    if current.url != facts.url || !current.is_enabled() || !current.is_told(&facts.types) {
        plan.steps.push(Step::Update(current.id.clone()));
    }
    let recorded = &facts.recorded;
    if recorded.endpoint_id.as_ref() != Some(&current.id) || recorded.endpoint_url.as_ref() != Some(&facts.url) {
        plan.steps.push(Step::Record(current.id.clone()));
    }
    Ok(())
}

/// Endpoints of another version go on until the new one is known to work: both are told every event, and the database knows
/// that the two are one.
fn replace_others(facts: &Facts, plan: &mut Plan) {
    let others = facts.endpoints.iter().filter(|one| facts.ours(one) && one.is_enabled());
    for other in others.filter(|one| one.api_version.as_deref() != Some(facts.version.as_str())) {
        if facts.new_version_came {
            plan.steps.push(Step::Disable(other.id.clone()));
        } else {
            let version = other.api_version.as_deref().unwrap_or("the account's default version");
            plan.notes.push(format!(
                "endpoint {} renders events in {version} and stays until the first event in {} has come: run setup again then",
                other.id, facts.version
            ));
        }
    }
}

impl Step {
    /// In words.
    #[must_use]
    pub fn words(&self, facts: &Facts) -> String {
        match self {
            Self::RecordAccount(account) => format!("record {account} as the account of {}", facts.environment),
            Self::Create => format!(
                "make a webhook endpoint at Stripe: {}, {} event types, version {}; store its secret in the database",
                facts.url,
                facts.types.len(),
                facts.version
            ),
            Self::Update(id) => {
                format!("update endpoint {id} at Stripe: {}, {} event types, enabled", facts.url, facts.types.len())
            }
            Self::StoreSecret => "store the secret of --secret-file in the database".to_owned(),
            Self::Record(id) => format!("record endpoint {id} in the database"),
            Self::Disable(id) => format!("disable endpoint {id} at Stripe"),
        }
    }
}

#[cfg(test)]
mod tests;
