//! What happens to an event: verify → parse → record → project → settle. The only file that knows the whole route.

use payments_core::stripe::event::{Environment, Event};
use payments_core::stripe::signature::{BadSignature, Signed, Verified};
use pgrx::JsonB;
use pgrx::prelude::*;
use serde::Deserialize;
use serde_json::json;

use crate::db::{self, Jsonb, Path, statement, text};
use crate::error::{Error, OrRaise};
use crate::project::{self, Verdict};
use crate::{clock, definer, secrets, settings, trust};

statement!(RECORD_EVENT, "record_event");
statement!(CLAIM_EVENT, "claim_event");
statement!(REFUSE_EVENT, "refuse_event");
statement!(SETTLE_EVENT, "settle_event");
statement!(LIVE_APPROVAL, "live_approval");

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
    let secrets = secrets::valid(environment);
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
    db::require_read_committed()?;
    db::commit_durably();
    Ok(definer::write(Path::Ordinary, || match record(environment, &event, verified.body(), signature) {
        Recorded::Fresh => settle(environment, &event),
        Recorded::Known(answer) => answer,
    }))
}

enum Recorded {
    /// Nobody has run it yet, or it failed before: it is ours to run, and its row is locked.
    Fresh,
    /// It has been dealt with.
    Known(JsonB),
}

#[derive(Deserialize)]
struct Earlier {
    status: String,
    same_body: bool,
}

/// Writes the event down, once. Of two deliveries at once, one waits here for the other.
fn record(environment: Environment, event: &Event, body: &[u8], signature: Option<&str>) -> Recorded {
    let args = [
        text(environment.name()),
        text(event.id.as_str()),
        text(event.event_type.as_str()),
        event.livemode.unwrap_or(environment.livemode()).into(),
        text(event.account.as_deref()),
        text(event.object_type.as_deref()),
        text(event.object_id.as_deref()),
        text(event.readable.as_str()),
        text(std::str::from_utf8(body).ok()),
        text(signature),
    ];
    if RECORD_EVENT.execute(&args) == 1 {
        return Recorded::Fresh;
    }
    let known = [text(environment.name()), text(event.id.as_str()), text(event.readable.as_str())];
    let Some(earlier) = CLAIM_EVENT.one::<Earlier>(&known) else { return Recorded::Fresh };
    if !earlier.same_body {
        REFUSE_EVENT.execute(&[text(environment.name()), text(event.id.as_str())]);
        let error = "an event with this id and another body was received before; this one is refused";
        return Recorded::Known(answer(event, "refused", true, Some(error)));
    }
    match earlier.status.as_str() {
        "processed" | "ignored" => Recorded::Known(answer(event, &earlier.status, true, None)),
        _ => Recorded::Fresh,
    }
}

/// Derives what follows from the event, or, where that fails, undoes it all and says why.
fn settle(environment: Environment, event: &Event) -> JsonB {
    let finish = |status: &str, error: Option<&str>| {
        let args = [text(environment.name()), text(event.id.as_str()), text(status), text(error)];
        SETTLE_EVENT.execute(&args);
    };
    let outcome = project::at_once_or_alone(|| {
        let verdict = project::event(environment, event);
        match &verdict {
            Verdict::Projected => finish("processed", None),
            Verdict::Ignored(reason) => finish("ignored", Some(reason)),
            Verdict::Unreadable(_) => {}
        }
        verdict
    });
    let failed = |reason: String| {
        finish("failed", Some(&reason));
        answer(event, "failed", false, Some(&reason))
    };
    match outcome {
        Ok(Verdict::Projected) => answer(event, "processed", false, None),
        Ok(Verdict::Ignored(reason)) => answer(event, "ignored", false, Some(&reason)),
        Ok(Verdict::Unreadable(reason)) => failed(told_of(event, &format!("22023: {reason}"))),
        Err(failure) => failed(told_of(event, &failure)),
    }
}

/// Runs a stored event again; its row must be locked. Returns its new status.
pub(crate) fn replay(environment: Environment, body: &[u8]) -> String {
    let Ok(event) = Event::parse(body) else { return "failed".to_owned() };
    let answer = settle(environment, &event).0;
    answer.get("status").and_then(serde_json::Value::as_str).unwrap_or("failed").to_owned()
}

fn told_of(event: &Event, failure: &impl std::fmt::Display) -> String {
    let object = event.object_id.as_deref().unwrap_or("an object without id");
    format!("{failure}, projecting {object}")
}

fn answer(event: &Event, status: &str, duplicate: bool, error: Option<&str>) -> JsonB {
    JsonB(json!({
        "received": status != "refused",
        "handled": status == "processed",
        "duplicate": duplicate,
        "status": status,
        "event_id": event.id,
        "event_type": event.event_type,
        "error": error,
    }))
}

/// The environment that an argument names.
pub(crate) fn environment_of(name: Option<&str>) -> Result<Environment, Error> {
    name.and_then(Environment::parse).ok_or_else(|| Error::Environment(name.map(ToOwned::to_owned)))
}

/// Signs an event as Stripe would, with the newest secret of the test environment, for tests and demos.
///
/// Returns the payload to post and the `Stripe-Signature` header to post it with.
///
/// # Errors
/// 55000: no test secret is configured. 22023: the event says `livemode: true`.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn sign_test_event(event: Option<Jsonb>) -> TableIterator<'static, (name!(payload, String), name!(signature, String))> {
    trust::require_admin().or_raise();
    let payload = event.ok_or(Error::Missing("event")).or_raise().0;
    if Event::parse(payload.as_bytes()).is_ok_and(|event| event.livemode == Some(true)) {
        Error::Argument(
            "only events of the test environment are signed",
            "The event says livemode true.".to_owned(),
            "Stripe alone signs live events.",
        )
        .raise();
    }
    let secret = secrets::valid(Environment::Test).into_iter().next().ok_or(Error::NoSecret("test")).or_raise();
    let signature = payments_core::stripe::signature::sign(&secret, clock::now(), payload.as_bytes());
    TableIterator::once((payload, signature))
}

/// An answer for the log and the tests: what is stored of an event still verifies under a secret of its environment.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn stored_event_verifies(environment: Option<&str>, stripe_event_id: Option<&str>) -> Option<bool> {
    trust::require_admin().or_raise();
    statement!(SIGNED_BODY, "signed_body");
    #[derive(Deserialize)]
    struct SignedBody {
        body: String,
        signature: String,
    }
    let environment = environment_of(environment).or_raise();
    let find = || SIGNED_BODY.read(&[text(environment.name()), text(stripe_event_id)]);
    let stored: SignedBody = definer::read(find).into_iter().next()?;
    let secrets = secrets::valid(environment);
    let signed = Signed::new(stored.body.as_bytes(), &stored.signature);
    Some(signed.verify(&secrets, 0, i64::MAX).is_ok())
}
