//! `doctor`: the findings of `payments.doctor()`, and checks of the account and webhook endpoint at Stripe.

use std::borrow::Cow;

use payments_core::visible::visible;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::database::calls::{Finding, Recorded};
use crate::database::pool::Pool;
use crate::setup::endpoint::Endpoint;
use crate::stripe::client::Stripe;
use crate::stripe::list;
use crate::stripe::verdict::Reason;

/// Runs all checks and prints the findings, as JSON if `as_json` is true. Returns whether every check passed.
///
/// # Errors
/// If the database fails during a check of Stripe.
pub async fn run(database: &Pool, stripes: &[Stripe], as_json: bool) -> anyhow::Result<bool> {
    let mut findings = match database.findings().await {
        Ok(findings) => findings,
        Err(fault) => {
            vec![failed("database", fault.to_string(), "check DATABASE_URL, the role's rights and the server's log")]
        }
    };
    for stripe in stripes {
        findings.extend(check_stripe(database, stripe).await?);
    }
    let all_ok = findings.iter().all(|finding| finding.ok);
    println!("{}", if as_json { as_object(&findings).to_string() } else { as_lines(&findings).join("\n") });
    Ok(all_ok)
}

/// A name or an answer in a finding may have been written to steer the terminal that it is shown on.
fn shown(text: Option<&String>) -> Option<Cow<'_, str>> {
    text.map(|text| visible(text))
}

fn as_object(findings: &[Finding]) -> Value {
    let found = findings.iter().map(|finding| {
        let (detail, fix) = (shown(finding.detail.as_ref()), shown(finding.fix.as_ref()));
        json!({ "check_name": finding.check_name, "ok": finding.ok, "detail": detail, "fix": fix })
    });
    json!({ "ok": findings.iter().all(|finding| finding.ok), "findings": found.collect::<Vec<_>>() })
}

fn as_lines(findings: &[Finding]) -> Vec<String> {
    let mut lines = Vec::new();
    for finding in findings {
        let state = if finding.ok { "ok    " } else { "FAILED" };
        let detail = shown(finding.detail.as_ref()).filter(|detail| !detail.is_empty());
        let detail = detail.map(|detail| format!(": {detail}")).unwrap_or_default();
        lines.push(format!("{state} {}{detail}", finding.check_name));
        let fix = shown(finding.fix.as_ref()).filter(|_| !finding.ok);
        lines.extend(fix.map(|fix| format!("       → {fix}")));
    }
    let failures = findings.iter().filter(|finding| !finding.ok).count();
    lines.push(format!("{} checks, {failures} failed", findings.len()));
    lines
}

fn passed(name: &str, detail: impl Into<String>) -> Finding {
    Finding { check_name: name.to_owned(), ok: true, detail: Some(detail.into()), fix: None }
}

fn failed(name: &str, detail: impl Into<String>, fix: impl Into<String>) -> Finding {
    Finding { check_name: name.to_owned(), ok: false, detail: Some(detail.into()), fix: Some(fix.into()) }
}

/// Checks the account, the webhook endpoint and the deliveries of one environment at Stripe.
async fn check_stripe(database: &Pool, stripe: &Stripe) -> anyhow::Result<Vec<Finding>> {
    let environment = stripe.environment;
    let live = if environment.name() == "live" { " --live" } else { "" };
    let setup = format!("payments-bridge setup{live} --url https://…");
    let recorded = database.recorded(environment).await?;
    let mut findings = vec![account(stripe, &recorded, &setup).await];
    let named = |what: &str| format!("stripe_{what}_{environment}");
    match list::page(stripe, "/v1/webhook_endpoints", &json!({})).await {
        Ok(page) => {
            let endpoints: Vec<Endpoint> =
                page.data.iter().filter_map(|raw| serde_json::from_str(raw.get()).ok()).collect();
            let types = database.event_types().await?;
            let version = database.stripe_version().await?;
            findings.extend(endpoint(&named, &endpoints, &recorded, &types, &version, &setup));
        }
        Err(reason) => findings.push(unavailable(&named("endpoint"), &reason, "Webhook Endpoints: read")),
    }
    findings.push(undelivered(database, stripe, &named("events")).await?);
    Ok(findings)
}

async fn account(stripe: &Stripe, recorded: &Recorded, setup: &str) -> Finding {
    let name = format!("stripe_account_{}", stripe.environment);
    match (stripe.account().await, &recorded.account) {
        (Ok(account), Some(recorded)) if account == *recorded => passed(&name, account),
        (Ok(account), Some(recorded)) => failed(
            &name,
            format!("the key belongs to account {account}, but the database has recorded {recorded}"),
            "give the bridge a key of the recorded account",
        ),
        (Ok(account), None) => {
            failed(&name, format!("the key belongs to account {account}, but no account is recorded"), setup)
        }
        (Err(reason), _) => unavailable(&name, &reason, "Account: read"),
    }
}

/// The finding for a check whose request to Stripe was refused or failed. A restricted key without the needed right
/// does not fail the check.
fn unavailable(name: &str, reason: &Reason, right: &str) -> Finding {
    if reason.status == Some(403) {
        passed(name, format!("not checked: the key lacks the right {right}"))
    } else {
        failed(name, reason.to_string(), "check the key, and https://status.stripe.com")
    }
}

fn endpoint(
    named: &dyn Fn(&str) -> String,
    endpoints: &[Endpoint],
    recorded: &Recorded,
    types: &[String],
    version: &str,
    setup: &str,
) -> Vec<Finding> {
    let name = named("endpoint");
    let Some(id) = &recorded.endpoint_id else {
        return vec![if recorded.events_read_at.is_some() {
            passed(&name, "no endpoint is recorded; serve reads the events")
        } else {
            failed(
                &name,
                "no endpoint is recorded, and no events have been read",
                format!("{setup}, or payments-bridge serve --poll"),
            )
        }];
    };
    let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.id == *id) else {
        return vec![failed(&name, format!("Stripe has no endpoint {id}"), setup)];
    };
    let state = if endpoint.status == "enabled" {
        passed(&name, format!("{id} posts to {}", endpoint.url))
    } else {
        failed(&name, format!("{id} is {}", endpoint.status), setup)
    };
    let missing = endpoint.missing_types(types);
    let event_types = if missing.is_empty() {
        passed(&named("event_types"), format!("the endpoint receives all {} types", types.len()))
    } else {
        failed(&named("event_types"), format!("the endpoint does not receive {}", missing.join(", ")), setup)
    };
    let endpoint_version = endpoint.api_version.as_deref().unwrap_or("the account's default version");
    let api_version = if endpoint.api_version.as_deref() == Some(version) {
        passed(&named("api_version"), endpoint_version)
    } else {
        failed(
            &named("api_version"),
            format!("the endpoint sends events in {endpoint_version}, but requests use {version}"),
            setup,
        )
    };
    vec![state, event_types, api_version]
}

#[derive(Debug, Deserialize)]
struct Undelivered {
    id: String,
}

/// Checks that no event is missing which Stripe could not deliver.
async fn undelivered(database: &Pool, stripe: &Stripe, name: &str) -> anyhow::Result<Finding> {
    let mut ids = Vec::new();
    let types = database.event_types().await?;
    for types in types.chunks(crate::serve::feed::MAX_TYPES_PER_CALL) {
        let params = json!({ "delivery_success": false, "types": types });
        match list::page(stripe, "/v1/events", &params).await {
            Ok(page) => ids.extend(
                page.data.iter().filter_map(|raw| Some(serde_json::from_str::<Undelivered>(raw.get()).ok()?.id)),
            ),
            Err(reason) => return Ok(unavailable(name, &reason, "Events: read")),
        }
    }
    let unprocessed = database.unprocessed_events(stripe.environment, &ids).await?;
    Ok(match unprocessed.as_slice() {
        [] => passed(name, "no undelivered event is missing"),
        [first, ..] => failed(
            name,
            format!("{} undelivered events are missing, such as {first}", unprocessed.len()),
            "run payments-bridge serve, which reads them within minutes; payments.webhook_events has those that failed",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_lines_and_a_fix_stands_below_what_failed() {
        let good = Finding { fix: Some("not needed".into()), ..passed("good", "it is well") };
        let findings = [good, passed("silent", ""), failed("bad", "it is not", "mend it")];
        let lines = ["ok     good: it is well", "ok     silent", "FAILED bad: it is not", "       → mend it"];
        assert_eq!(as_lines(&findings)[..4], lines);
        assert_eq!(as_lines(&findings)[4], "3 checks, 1 failed");
        assert_eq!(as_object(&findings)["ok"], false);
        assert_eq!(as_object(&findings[..2])["ok"], true);
    }

    #[test]
    fn a_finding_steers_no_terminal() {
        let of_a_buyer = [failed("review", "no order \u{1b}[2J7\nok     all", "select '\u{202e}x'")];
        let shown = ["FAILED review: no order \u{fffd}[2J7\u{fffd}ok     all", "       → select '\u{fffd}x'"];
        assert_eq!(as_lines(&of_a_buyer)[..2], shown);
        let object = as_object(&of_a_buyer);
        assert_eq!(object["findings"][0]["detail"], "no order \u{fffd}[2J7\u{fffd}ok     all");
        assert_eq!(object["findings"][0]["fix"], "select '\u{fffd}x'");
    }
}
