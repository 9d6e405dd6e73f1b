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
use crate::precondition::{self, environment_of};
use crate::project::dispatch::{self, ProjectionOutcome};
use crate::webhook_event::{Recorded, Recording, record};
use crate::{clock, definer, projection_lock, settings, trust};

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
    accept(environment, verified, None).or_raise()
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
    accept(environment, verified, Some(header))
}

/// From a verified body to its outcome.
fn accept(environment: Environment, verified: Verified, signature: Option<&str>) -> Result<JsonB, Error> {
    let event = Event::parse(verified.body()).map_err(Error::Body)?;
    if let Some(livemode) = event.livemode.filter(|livemode| *livemode != environment.livemode()) {
        let event_id = event.id;
        return Err(Error::Livemode { event_id, livemode, environment: environment.name() });
    }
    definer::read(|| precondition::require_live_approval(Some(environment.name())))?;
    precondition::require_read_committed()?;
    guc::commit_durably();
    Ok(definer::write(SearchPath::Ordinary, || match record(environment, verified, event, signature) {
        Recording::Fresh(recorded) => settle(recorded),
        Recording::Duplicate(answer) => answer,
    }))
}

/// Derives what follows from a recorded event, or, where that fails, undoes it all and says why. Returns the answer.
pub(crate) fn settle(recorded: Recorded) -> JsonB {
    if recorded.is_written_once()
        && let Err(reason) = dispatch::kind_of(recorded.environment(), recorded.event())
    {
        // Nothing can fail for an app's sake, so there is nothing to undo.
        recorded.finish("ignored", Some(&reason));
        return recorded.answer("ignored", Some(&reason));
    }
    let outcome = projection_lock::shared_then_exclusive(|| {
        if projection_lock::is_exclusive() {
            recorded.write();
        }
        let outcome = dispatch::event(recorded.environment(), recorded.event());
        match &outcome {
            ProjectionOutcome::Projected => recorded.finish("processed", None),
            ProjectionOutcome::Ignored(reason) => recorded.finish("ignored", Some(reason)),
            ProjectionOutcome::Unreadable(_) => {}
        }
        outcome
    });
    match outcome {
        Ok(ProjectionOutcome::Projected) => recorded.answer("processed", None),
        Ok(ProjectionOutcome::Ignored(reason)) => recorded.answer("ignored", Some(&reason)),
        Ok(ProjectionOutcome::Unreadable(reason)) => recorded.fail(&format!("22023: {reason}")),
        Err(failure) => {
            recorded.rolled_back();
            recorded.fail(&failure)
        }
    }
}
