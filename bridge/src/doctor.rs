//! `doctor`: what `payments.doctor()` finds, and what only Stripe knows.

use payments_core::visible::visible;
use serde::Deserialize;
use serde_json::json;

use crate::database::calls::{Finding, Recorded};
use crate::database::pool::Pool;
use crate::setup::endpoint::Endpoint;
use crate::stripe::client::Stripe;
use crate::stripe::list;
use crate::stripe::verdict::Reason;

/// Looks, prints, and tells whether everything is well.
///
/// # Errors
/// Where the database cannot be asked.
pub async fn run(database: &Pool, stripes: &[Stripe], as_json: bool) -> anyhow::Result<bool> {
    let mut findings = match database.findings().await {
        Ok(findings) => findings,
        Err(fault) => {
            vec![bad("database", fault.to_string(), "check DATABASE_URL, the role's rights and the server's log")]
        }
    };
    for stripe in stripes {
        findings.extend(of_stripe(database, stripe).await?);
    }
    findings.iter_mut().for_each(show);
    let all_well = findings.iter().all(|finding| finding.ok);
    if as_json {
        let shown: Vec<_> = findings
            .iter()
            .map(|finding| json!({ "check_name": finding.check_name, "ok": finding.ok, "detail": finding.detail, "fix": finding.fix }))
            .collect();
        println!("{}", json!({ "ok": all_well, "findings": shown }));
    } else {
        for finding in &findings {
            print(finding);
        }
        let wrong = findings.iter().filter(|finding| !finding.ok).count();
        println!("{} looked at, {wrong} to mend", findings.len());
    }
    Ok(all_well)
}

/// A name or an answer in it may have been written for the terminal that it is shown on.
fn show(finding: &mut Finding) {
    for text in [&mut finding.detail, &mut finding.fix] {
        *text = text.as_deref().map(|text| visible(text).into_owned());
    }
}

fn print(finding: &Finding) {
    let detail = finding.detail.as_deref().unwrap_or_default();
    println!(
        "{} {}{}{detail}",
        if finding.ok { "ok   " } else { "WRONG" },
        finding.check_name,
        if detail.is_empty() { "" } else { ": " }
    );
    if let (false, Some(fix)) = (finding.ok, &finding.fix) {
        println!("      → {fix}");
    }
}

fn good(name: &str, detail: impl Into<String>) -> Finding {
    Finding { check_name: name.to_owned(), ok: true, detail: Some(detail.into()), fix: None }
}

fn bad(name: &str, detail: impl Into<String>, fix: impl Into<String>) -> Finding {
    Finding { check_name: name.to_owned(), ok: false, detail: Some(detail.into()), fix: Some(fix.into()) }
}

/// What Stripe says of an environment.
async fn of_stripe(database: &Pool, stripe: &Stripe) -> anyhow::Result<Vec<Finding>> {
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
        Err(reason) => findings.push(unknown(&named("endpoint"), &reason, "Webhook Endpoints: read")),
    }
    findings.push(undelivered(database, stripe, &named("events")).await?);
    Ok(findings)
}

async fn account(stripe: &Stripe, recorded: &Recorded, setup: &str) -> Finding {
    let name = format!("stripe_account_{}", stripe.environment);
    match (stripe.account().await, &recorded.account) {
        (Ok(account), Some(recorded)) if account == *recorded => good(&name, account),
        (Ok(account), Some(recorded)) => bad(
            &name,
            format!("the key belongs to {account}, and the database's account is {recorded}"),
            "give the bridge a key of the database's account",
        ),
        (Ok(account), None) => bad(&name, format!("the key belongs to {account}, and no account is recorded"), setup),
        (Err(reason), _) => unknown(&name, &reason, "Account: read"),
    }
}

/// What a restricted key may not see is not wrong.
fn unknown(name: &str, reason: &Reason, right: &str) -> Finding {
    if reason.status == Some(403) {
        good(name, format!("unknown: the key lacks the right {right}"))
    } else {
        bad(name, reason.to_string(), "check the key, and https://status.stripe.com")
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
            good(&name, "none is recorded: events are read by serve")
        } else {
            bad(&name, "none is recorded, and no events were read", format!("{setup}, or payments-bridge serve --poll"))
        }];
    };
    let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.id == *id) else {
        return vec![bad(&name, format!("Stripe has no endpoint {id}"), setup)];
    };
    let state = if endpoint.status == "enabled" {
        good(&name, format!("{id} posts to {}", endpoint.url))
    } else {
        bad(&name, format!("{id} is {}", endpoint.status), setup)
    };
    let missing = endpoint.missing(types);
    let told = if missing.is_empty() {
        good(&named("event_types"), format!("all {} are told", types.len()))
    } else {
        bad(&named("event_types"), format!("not told: {}", missing.join(", ")), setup)
    };
    let same = endpoint.api_version.as_deref() == Some(version);
    let has = endpoint.api_version.as_deref().unwrap_or("the account's default");
    let rendered = if same {
        good(&named("api_version"), has)
    } else {
        bad(&named("api_version"), format!("events come in {has}, and requests are written in {version}"), setup)
    };
    vec![state, told, rendered]
}

#[derive(Debug, Deserialize)]
struct Undelivered {
    id: String,
}

/// Events that Stripe could not deliver, and that nothing brought since.
async fn undelivered(database: &Pool, stripe: &Stripe, name: &str) -> anyhow::Result<Finding> {
    let mut ids = Vec::new();
    let types = database.event_types().await?;
    for types in types.chunks(crate::serve::feed::TYPES_A_CALL) {
        let params = json!({ "delivery_success": false, "types": types });
        match list::page(stripe, "/v1/events", &params).await {
            Ok(page) => ids.extend(
                page.data.iter().filter_map(|raw| Some(serde_json::from_str::<Undelivered>(raw.get()).ok()?.id)),
            ),
            Err(reason) => return Ok(unknown(name, &reason, "Events: read")),
        }
    }
    let unknown = database.unknown_events(stripe.environment, &ids).await?;
    Ok(match unknown.as_slice() {
        [] => good(name, "none is undelivered"),
        [first, ..] => bad(
            name,
            format!("{} undelivered, such as {first}", unknown.len()),
            "payments-bridge serve reads them within minutes; what stays is in payments.webhook_events as failed",
        ),
    })
}
