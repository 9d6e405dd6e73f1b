//! What happens to an event: verify → parse → record → project → settle. The only file that knows the whole route.

use payments_core::stripe::event::Environment;
use payments_core::stripe::event_type::ObjectKind;
use payments_core::stripe::signature::{BadSignature, Signed, Verified};
use pgrx::JsonB;
use pgrx::prelude::*;
use serde_json::{Value, json};

use crate::error::{Error, OrRaise};
use crate::pg::guc::{self, SearchPath};
use crate::pg::jsonb::Jsonb;
use crate::pg::secret_table::{self, Secret};
use crate::precondition::{self, environment_of};
use crate::project::dispatch::{self, ProjectionOutcome};
use crate::webhook_event::{
    Delivery, Outcome, Recorded, Recording, count_foreign, ignored_if_foreign, record, refusal,
};
use crate::{clock, definer, projection_lock, settings, trust};

/// Receives one webhook: verifies its signature, records the event, derives every row from it and gives what was bought,
/// all in the caller's transaction.
///
/// Returns `{received, handled, duplicate, status, event_id, event_type, error}`; a projection that fails is not an error of
/// the call: the event stays recorded as `failed`, and nothing else of it remains.
///
/// # Errors
/// 28000: the signature is missing, malformed, wrong, too old or from the future. 22032, 22023: the body is not a Stripe
/// event. 55000: no secret is configured, or live is not approved.
/// Source: <https://docs.stripe.com/webhooks>.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn receive_stripe_webhook(environment: Option<&str>, payload: Option<&str>, signature: Option<&str>) -> JsonB {
    JsonB(receive(environment, payload.map(str::as_bytes), signature).or_raise())
}

/// The same with the body as bytes.
#[pg_extern(name = "receive_stripe_webhook")]
#[search_path(pg_catalog, pg_temp)]
fn receive_stripe_webhook_bytes(environment: Option<&str>, payload: Option<&[u8]>, signature: Option<&str>) -> JsonB {
    JsonB(receive(environment, payload, signature).or_raise())
}

/// Applies an event whose signature the caller has verified itself; otherwise as `receive_stripe_webhook`.
///
/// # Errors
/// 22023: it is not a Stripe event. 55000: live is not approved.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn apply_stripe_event(environment: Option<&str>, event: Option<Jsonb>) -> JsonB {
    trust::require_admin().or_raise();
    let environment = environment_of(environment).or_raise();
    let body = event.ok_or(Error::Missing("event")).or_raise().0;
    let delivery = Delivery::read(environment, Verified::by_the_caller(body.as_bytes()), None);
    JsonB(accept(environment, delivery).or_raise())
}

/// What the endpoints for PostgREST answer: as `receive_stripe_webhook`, with the status of the HTTP response. That live is not
/// approved is answered with 403, which no error of its SQLSTATE is; all else that is raised has the status that PostgREST gives
/// it.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn answer_at_endpoint(environment: Option<&str>, payload: Option<&str>, signature: Option<&str>) -> JsonB {
    let answer = match receive(environment, payload.map(str::as_bytes), signature) {
        Err(refused @ Error::LiveNotApproved) => refusal(&refused.message()),
        other => other.or_raise(),
    };
    let status = match answer["status"].as_str() {
        Some("failed") => 500,
        Some("refused") if answer["event_id"].is_null() => 403,
        Some("refused") => 400,
        _ => 200,
    };
    JsonB(json!({ "http_status": status, "answer": answer }))
}

/// Receives deliveries for one environment: the secrets that it verifies with, and its limits.
pub(crate) struct Receiver {
    pub(crate) environment: Environment,
    secrets: Vec<Secret>,
    max_body: usize,
    tolerance: i64,
}

impl Receiver {
    /// Of an environment, for a role that posts webhooks.
    pub(crate) fn new(environment: Option<&str>) -> Result<Self, Error> {
        trust::require_webhook()?;
        let environment = environment_of(environment)?;
        let secrets = secret_table::valid(environment);
        Ok(Self { environment, secrets, max_body: settings::max_body(), tolerance: settings::signature_tolerance() })
    }

    /// Refuses where nothing can be verified.
    pub(crate) fn require_secret(&self) -> Result<(), Error> {
        if self.secrets.is_empty() { Err(Error::NoSecret(self.environment.name())) } else { Ok(()) }
    }

    /// Verifies and reads one delivery.
    pub(crate) fn read<'a>(
        &self,
        payload: Option<&'a [u8]>,
        signature: Option<&'a str>,
    ) -> Result<Delivery<'a>, Error> {
        let body = payload.ok_or(Error::Missing("payload"))?;
        if body.len() > self.max_body {
            return Err(Error::TooLarge { size: body.len(), limit: self.max_body });
        }
        let header = signature.ok_or(Error::Signature(BadSignature::Missing))?;
        self.require_secret()?;
        let signed = Signed::new(body, header);
        let verified = signed.verify(&self.secrets, clock::now(), self.tolerance).map_err(Error::Signature)?;
        Delivery::read(self.environment, verified, Some(header))
    }
}

fn receive(environment: Option<&str>, payload: Option<&[u8]>, signature: Option<&str>) -> Result<Value, Error> {
    let receiver = Receiver::new(environment)?;
    accept(receiver.environment, receiver.read(payload, signature))
}

/// What must hold before any event of an environment is taken.
pub(crate) fn prepare(environment: Environment) -> Result<(), Error> {
    definer::read(|| precondition::require_live_approval(Some(environment.name())))?;
    precondition::require_read_committed()?;
    guc::commit_durably();
    Ok(())
}

/// From a verified delivery to its outcome.
fn accept(environment: Environment, delivery: Result<Delivery, Error>) -> Result<Value, Error> {
    let delivery = match delivery {
        Ok(delivery) => delivery,
        Err(error) => {
            let answer = ignored_if_foreign(&error).ok_or(error)?;
            count_foreign(environment, 1);
            return Ok(answer);
        }
    };
    prepare(environment)?;
    Ok(definer::write(SearchPath::Ordinary, || {
        let kind = dispatch::kind_of(environment, delivery.event());
        match record(environment, delivery, expected(&kind)) {
            Recording::Fresh(recorded) => settle(recorded, &kind),
            Recording::Duplicate(answer) => answer,
        }
    }))
}

/// What an event of a kind most probably becomes, or one that is ignored for a reason.
pub(crate) fn expected(kind: &Result<ObjectKind, String>) -> Outcome<'_> {
    match kind {
        Ok(_) => Outcome::Processed,
        Err(reason) => Outcome::Ignored(reason),
    }
}

/// Derives what follows from a recorded event, or, where that fails, undoes it all and says why. Returns the answer.
pub(crate) fn settle(recorded: Recorded, kind: &Result<ObjectKind, String>) -> Value {
    if recorded.is_written_once() {
        // The projection may write to its row.
        recorded.finish(expected(kind));
        if let Err(reason) = kind {
            // Nothing can fail for an app's sake, so there is nothing to undo.
            return recorded.answer(Outcome::Ignored(reason));
        }
    }
    let outcome = projection_lock::shared_then_exclusive(|| {
        let outcome = dispatch::event(recorded.environment(), recorded.event(), kind);
        match &outcome {
            ProjectionOutcome::Projected => recorded.finish(Outcome::Processed),
            ProjectionOutcome::Ignored(reason) => recorded.finish(Outcome::Ignored(reason)),
            ProjectionOutcome::Unreadable(_) => {}
        }
        outcome
    });
    match outcome {
        Ok(ProjectionOutcome::Projected) => recorded.answer(Outcome::Processed),
        Ok(ProjectionOutcome::Ignored(reason)) => recorded.answer(Outcome::Ignored(&reason)),
        Ok(ProjectionOutcome::Unreadable(reason)) => recorded.fail(&format!("22023: {reason}")),
        Err(failure) => recorded.fail(&failure),
    }
}
