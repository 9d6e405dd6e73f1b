//! `setup`: creates or updates the webhook endpoint at Stripe, and stores its secret in the database.

pub mod endpoint;
pub mod plan;

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use self::endpoint::Endpoint;
use self::plan::{Facts, MARK, Plan, Step};
use crate::cli::Setup;
use crate::database::pool::Pool;
use crate::stripe::client::Stripe;
use crate::stripe::list;

const ENDPOINTS: &str = "/v1/webhook_endpoints";
/// How long previous secrets stay valid. It is longer than the day that the database allows after a rotation, because
/// an old endpoint stays enabled until `setup` runs again.
const KEEP_PREVIOUS: Duration = Duration::from_secs(30 * 24 * 3600);

/// Prints the plan, asks for confirmation unless `--yes` is set, and carries out the plan.
///
/// # Errors
/// If the plan is refused or not confirmed, or a step fails.
pub async fn run(database: &Pool, stripe: &Stripe, flags: &Setup) -> anyhow::Result<()> {
    let secret = flags.secret_file.as_deref().map(read_secret).transpose()?;
    let facts = gather_facts(database, stripe, flags).await?;
    let plan = plan::plan(&facts).map_err(|why| anyhow::anyhow!(why))?;
    print(&facts, &plan);
    if plan.steps.is_empty() {
        return Ok(());
    }
    ensure!(flags.yes || confirmed()?, "nothing was changed");
    for step in &plan.steps {
        carry_out(database, stripe, &facts, step, secret.as_ref()).await.with_context(|| step.describe(&facts))?;
        println!("done: {}", step.describe(&facts));
    }
    Ok(())
}

async fn gather_facts(database: &Pool, stripe: &Stripe, flags: &Setup) -> anyhow::Result<Facts> {
    let environment = stripe.environment;
    let url = endpoint_url(&flags.url, environment.name())?;
    let account = match stripe.account().await {
        Ok(account) => Some(account),
        Err(reason) if reason.status == Some(403) => None,
        Err(reason) => bail!("cannot ask Stripe which account the key belongs to: {reason}"),
    };
    let version = database.stripe_version().await?;
    let page = list::page(stripe, ENDPOINTS, &json!({}))
        .await
        .map_err(|reason| anyhow::anyhow!("cannot list the webhook endpoints: {reason}"))?;
    let endpoints: Vec<Endpoint> = page
        .data
        .iter()
        .map(|raw| serde_json::from_str(raw.get()))
        .collect::<Result<_, _>>()
        .context("cannot read a webhook endpoint")?;
    Ok(Facts {
        environment,
        url,
        types: database.event_types().await?,
        account,
        recorded: database.recorded(environment).await?,
        endpoints,
        new_version_received: database.received_event_of_version(environment, &version).await?,
        version,
        new_endpoint: flags.new_endpoint,
        has_secret_file: flags.secret_file.is_some(),
    })
}

/// The URL of an environment's endpoint. A URL without a path gets the path of the bridge's own endpoint.
fn endpoint_url(given: &str, environment: &str) -> anyhow::Result<String> {
    let mut url = reqwest::Url::parse(given).with_context(|| format!("{given} is not a URL"))?;
    ensure!(matches!(url.scheme(), "https" | "http"), "the URL must begin with https://");
    ensure!(url.username().is_empty() && url.password().is_none(), "the URL must not contain a user or a password");
    ensure!(url.scheme() == "https" || environment == "test", "Stripe posts live events to https:// only");
    if url.path() == "/" {
        url.set_path(&format!("/stripe/{environment}"));
    }
    Ok(url.into())
}

fn print(facts: &Facts, plan: &Plan) {
    println!(
        "Plan for {}{}:",
        facts.environment,
        facts.account.as_ref().map_or_else(String::new, |one| format!(" of {one}"))
    );
    for (index, step) in plan.steps.iter().enumerate() {
        println!("  {}. {}", index + 1, step.describe(facts));
    }
    if plan.steps.is_empty() {
        println!("  no changes: everything is up to date");
    }
    for note in &plan.notes {
        println!("  Note: {note}");
    }
}

fn confirmed() -> anyhow::Result<bool> {
    ensure!(std::io::stdin().is_terminal(), "cannot ask for confirmation without a terminal: pass --yes");
    print!("Continue? [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn read_secret(file: &str) -> anyhow::Result<SecretString> {
    let text = SecretString::from(std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?);
    let secret = text.expose_secret().trim();
    ensure!(secret.starts_with("whsec_"), "{file} does not contain a webhook secret, which begins with whsec_");
    Ok(SecretString::from(secret.to_owned()))
}

async fn carry_out(
    database: &Pool,
    stripe: &Stripe,
    facts: &Facts,
    step: &Step,
    secret: Option<&SecretString>,
) -> anyhow::Result<()> {
    let environment = facts.environment;
    match step {
        Step::RecordAccount(account) => database.set_account(environment, account).await?,
        Step::Create => create(database, stripe, facts).await?,
        Step::Update(id) => {
            let params = json!({ "url": facts.url, "enabled_events": facts.types, "disabled": false });
            post(stripe, &format!("{ENDPOINTS}/{id}"), &params).await?;
        }
        Step::StoreSecret => {
            let secret = secret.context("no secret file was given")?;
            store(database, facts, secret).await?;
        }
        Step::Record(id) => database.record_endpoint(environment, id, &facts.url, Some(&facts.version)).await?,
        Step::Disable(id) => {
            post(stripe, &format!("{ENDPOINTS}/{id}"), &json!({ "disabled": true })).await?;
        }
    }
    Ok(())
}

/// The response to the creation of an endpoint, the only one that contains the secret.
#[derive(Deserialize)]
struct Created {
    id: String,
    secret: SecretString,
}

async fn create(database: &Pool, stripe: &Stripe, facts: &Facts) -> anyhow::Result<()> {
    let params = json!({
        "url": facts.url,
        "enabled_events": facts.types,
        "api_version": facts.version,
        "description": "payments-bridge",
        "metadata": { MARK: facts.environment.name() },
    });
    let response = SecretString::from(post(stripe, ENDPOINTS, &params).await?);
    // The parser's error is dropped, because it could quote the secret.
    let created: Created = serde_json::from_str(response.expose_secret()).map_err(|_| {
        anyhow::anyhow!("Stripe created an endpoint but returned no secret: delete the endpoint in Stripe's dashboard")
    })?;
    if let Err(error) = store(database, facts, &created.secret).await {
        // The secret is lost now. Without the deletion, the next run of `setup` would refuse to use the endpoint.
        let deleted = delete(stripe, &created.id).await;
        let state = if deleted.is_ok() { "was deleted" } else { "must be deleted in Stripe's dashboard" };
        return Err(
            error.context(format!("the secret of endpoint {} could not be stored; the endpoint {state}", created.id))
        );
    }
    database.record_endpoint(facts.environment, &created.id, &facts.url, Some(&facts.version)).await?;
    Ok(())
}

async fn store(database: &Pool, facts: &Facts, secret: &SecretString) -> anyhow::Result<()> {
    if !database.set_secret(facts.environment, secret, KEEP_PREVIOUS).await? {
        println!(
            "  Note: this role may not keep the secret out of the server's log. The log contains it if the server logs \
            statements with their parameters (log_statement = all or log_min_duration_statement, and \
            log_parameter_max_length other than 0)"
        );
    }
    Ok(())
}

async fn post(stripe: &Stripe, path: &str, params: &Value) -> anyhow::Result<String> {
    stripe.post(path, params).await.map_err(|reason| anyhow::anyhow!("{reason}"))
}

async fn delete(stripe: &Stripe, id: &str) -> anyhow::Result<()> {
    stripe.delete(&format!("{ENDPOINTS}/{id}")).await.map(drop).map_err(|reason| anyhow::anyhow!("{reason}"))
}

#[cfg(test)]
mod tests {
    use super::endpoint_url;

    #[test]
    fn a_path_is_added_to_a_url_without_one() {
        assert_eq!(
            endpoint_url("https://pay.example.com", "test").ok().as_deref(),
            Some("https://pay.example.com/stripe/test")
        );
        assert_eq!(endpoint_url("https://a.example/", "live").ok().as_deref(), Some("https://a.example/stripe/live"));
        let rpc = "https://api.example.com/rpc/stripe_webhook_test";
        assert_eq!(endpoint_url(rpc, "test").ok().as_deref(), Some(rpc));
        assert!(endpoint_url("http://pay.example.com", "live").is_err());
        assert!(endpoint_url("https://u:p@pay.example.com", "test").is_err());
        assert!(endpoint_url("pay.example.com", "test").is_err());
    }
}
