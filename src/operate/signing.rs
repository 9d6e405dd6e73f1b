//! Signing test events, and proving what is stored.

use payments_core::stripe::event::{Environment, Event};
use payments_core::stripe::signature::Signed;
use pgrx::prelude::*;
use serde::Deserialize;

use crate::error::{Error, OrRaise};
use crate::pg::jsonb::Jsonb;
use crate::pg::secret_table;
use crate::pg::statement::{query, text};
use crate::precondition::environment_of;
use crate::{clock, definer, trust};

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
    let secret = secret_table::valid(Environment::Test).into_iter().next().ok_or(Error::NoSecret("test")).or_raise();
    let signature = payments_core::stripe::signature::sign(&secret, clock::now(), payload.as_bytes());
    TableIterator::once((payload, signature))
}

/// Whether a stored event still verifies under a secret of its environment.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn stored_event_verifies(environment: Option<&str>, stripe_event_id: Option<&str>) -> Option<bool> {
    trust::require_admin().or_raise();
    query!(SIGNED_BODY, "operate_signing", "signed_body");
    #[derive(Deserialize)]
    struct SignedBody {
        body: String,
        signature: String,
    }
    let environment = environment_of(environment).or_raise();
    let find = || SIGNED_BODY.read(&[text(environment.name()), text(stripe_event_id)]);
    let stored: SignedBody = definer::read(find).into_iter().next()?;
    let secrets = secret_table::valid(environment);
    let signed = Signed::new(stored.body.as_bytes(), &stored.signature);
    Some(signed.verify(&secrets, 0, i64::MAX).is_ok())
}
