//! What happens to an event: verify → parse → record → project → settle. The only file that knows the whole route.

use payments_core::stripe::event::{Environment, Event};
use payments_core::stripe::signature::{BadSignature, Signed, Verified};
use pgrx::JsonB;
use pgrx::prelude::*;
use serde_json::json;

use crate::error::{Error, OrRaise};
use crate::pg::guc::{self, SearchPath};
use crate::pg::jsonb::Jsonb;
use crate::pg::secret_table;
use crate::pg::statement::query;
use crate::precondition::{self, environment_of};
use crate::project::dispatch::{self, ProjectionOutcome};
use crate::webhook_event::{Recorded, finish, record, response, with_object};
use crate::{clock, definer, projection_lock, settings, trust};

query!(LIVE_APPROVAL, "session_checkout", "live_approval");

/// Receives one webhook: verifies its signature, records the event, derives every row from it and gives what was bought,
/// all in the caller's transaction.
///
/// Returns `{received, handled, duplicate, status, event_id, event_type, error}`; a projection that fails is not an error of
/// the call: the event stays recorded as `failed`, and nothing else of it remains.
///
/// # Errors
/// 28000: the signature is missing, malformed, wrong, too old or from the future. 22032, 22023: the body is not a Stripe
/// event, or of the other environment. 55000: no secret is configured, or live is not approved.
/// Source: <https://docs.stripe.com/webhooks>.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn receive_stripe_webhook(environment: Option<&str>, payload: Option<&str>, signature: Option<&str>) -> JsonB {
    receive(environment, payload.map(str::as_bytes), signature).or_raise()
}

/// The same with the body as bytes.
#[pg_extern(name = "receive_stripe_webhook")]
#[search_path(pg_catalog, pg_temp)]
fn receive_stripe_webhook_bytes(environment: Option<&str>, payload: Option<&[u8]>, signature: Option<&str>) -> JsonB {
    receive(environment, payload, signature).or_raise()
}

/// Applies an event whose signature the caller has verified itself; otherwise as `receive_stripe_webhook`.
///
/// # Errors
/// 22023: it is not a Stripe event, or of the other environment. 55000: live is not approved.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn apply_stripe_event(environment: Option<&str>, event: Option<Jsonb>) -> JsonB {
    trust::require_admin().or_raise();
    let environment = environment_of(environment).or_raise();
    let body = event.ok_or(Error::Missing("event")).or_raise().0;
    let verified = Verified::by_the_caller(body.as_bytes());
    accept(environment, &verified, None).or_raise()
}

/// What the endpoints for PostgREST answer: as `receive_stripe_webhook`, with the status of the HTTP response. That live is not
/// approved is answered with 403, which no error of its SQLSTATE is; all else that is raised has the status that PostgREST gives
/// it.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn answer_at_endpoint(environment: Option<&str>, payload: Option<&str>, signature: Option<&str>) -> JsonB {
    let answer = match receive(environment, payload.map(str::as_bytes), signature) {
        Err(refused @ Error::LiveNotApproved) => json!({
            "received": false, "handled": false, "duplicate": false, "status": "refused",
            "event_id": null, "event_type": null, "error": refused.message(),
        }),
        other => other.or_raise().0,
    };
    let status = match answer["status"].as_str() {
        Some("failed") => 500,
        Some("refused") if answer["event_id"].is_null() => 403,
        Some("refused") => 400,
        _ => 200,
    };
    JsonB(json!({ "http_status": status, "answer": answer }))
}

fn receive(environment: Option<&str>, payload: Option<&[u8]>, signature: Option<&str>) -> Result<JsonB, Error> {
    trust::require_webhook()?;
    let environment = environment_of(environment)?;
    let body = payload.ok_or(Error::Missing("payload"))?;
    let limit = settings::max_body();
    if body.len() > limit {
        return Err(Error::TooLarge { size: body.len(), limit });
    }
    let header = signature.ok_or(Error::Signature(BadSignature::Missing))?;
    let secrets = secret_table::valid(environment);
    if secrets.is_empty() {
        return Err(Error::NoSecret(environment.name()));
    }
    let signed = Signed::new(body, header);
    let verified = signed.verify(&secrets, clock::now(), settings::signature_tolerance()).map_err(Error::Signature)?;
    accept(environment, &verified, Some(header))
}

/// From a verified body to its outcome.
fn accept(environment: Environment, verified: &Verified, signature: Option<&str>) -> Result<JsonB, Error> {
    let event = Event::parse(verified.body()).map_err(Error::Body)?;
    if let Some(livemode) = event.livemode.filter(|livemode| *livemode != environment.livemode()) {
        let event_id = event.id;
        return Err(Error::Livemode { event_id, livemode, environment: environment.name() });
    }
    if environment == Environment::Live && definer::read(|| LIVE_APPROVAL.read::<bool>(&[])) != [true] {
        return Err(Error::LiveNotApproved);
    }
    precondition::require_read_committed()?;
    guc::commit_durably();
    Ok(definer::write(SearchPath::Ordinary, || match record(environment, &event, verified.body(), signature) {
        Recorded::Fresh => settle(environment, &event),
        Recorded::Duplicate(answer) => answer,
    }))
}

/// Derives what follows from the event, or, where that fails, undoes it all and says why.
fn settle(environment: Environment, event: &Event) -> JsonB {
    let finish = |status: &str, error: Option<&str>| finish(environment, event, status, error);
    let outcome = projection_lock::shared_then_exclusive(|| {
        let verdict = dispatch::event(environment, event);
        match &verdict {
            ProjectionOutcome::Projected => finish("processed", None),
            ProjectionOutcome::Ignored(reason) => finish("ignored", Some(reason)),
            ProjectionOutcome::Unreadable(_) => {}
        }
        verdict
    });
    let failed = |reason: String| {
        finish("failed", Some(&reason));
        response(event, "failed", false, Some(&reason))
    };
    match outcome {
        Ok(ProjectionOutcome::Projected) => response(event, "processed", false, None),
        Ok(ProjectionOutcome::Ignored(reason)) => response(event, "ignored", false, Some(&reason)),
        Ok(ProjectionOutcome::Unreadable(reason)) => failed(with_object(event, &format!("22023: {reason}"))),
        Err(failure) => failed(with_object(event, &failure)),
    }
}

/// Runs a stored event again; its row must be locked. Returns its new status.
pub(crate) fn replay(environment: Environment, body: &[u8]) -> String {
    let Ok(event) = Event::parse(body) else { return "failed".to_owned() };
    let answer = settle(environment, &event).0;
    answer.get("status").and_then(serde_json::Value::as_str).unwrap_or("failed").to_owned()
}
