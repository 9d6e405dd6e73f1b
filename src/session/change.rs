//! The guard of `payments.subscription_requests`: a caller asks to cancel, resume or change a subscription that he may bill for.

use payments_core::session::Refusal;
use payments_core::session::change::{Change, Item, Offered, Subscribed};
use pgrx::prelude::*;
use serde::Deserialize;

use super::{
    Caller, Row, guarded, is_request, is_untouched, open_sessions, prices, redaction, refuse, request_id, waiting,
};
use crate::definer;
use crate::error::Error;
use crate::pg::guc::SearchPath;
use crate::pg::statement::{query, text};
use crate::pg::transaction;
use crate::precondition::require_live_approval;
use crate::settings::{allow_second_subscription, max_free_quantity};

query!(FIND_SUBSCRIPTION, "session_change", "find_subscription_to_change");

const TABLE: &str = "payments.subscription_requests";
const NOT_YOURS: [&str; 5] =
    ["subject_type", "subject_id", "stripe_subscription_item_id", "stripe_invoice_id", "last_error"];

/// Checks a new request, stamps its creator, and says whose subscription it is and which of its items changes. A backend may write
/// any state; of a row that asks for nothing only the forms are checked.
#[pg_trigger(
    sql = "create function payments.guard_subscription_request() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn guard_subscription_request<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, std::convert::Infallible> {
    let mut row = guarded(trigger, TABLE);
    let asked = Change {
        environment: row.text("environment"),
        stripe_subscription_id: row.text("stripe_subscription_id"),
        action: row.text("action"),
        stripe_price_id: row.text("stripe_price_id"),
        quantity: row.number("quantity"),
        idempotency_key: row.text("idempotency_key"),
    };
    if let Err(error) = admit(&Caller::present(), &asked, &mut row) {
        refuse(&error, row.holds_secret());
    }
    Ok(Some(row.0))
}

/// What the database has about a request.
#[derive(Deserialize)]
struct Known {
    subject_type: Option<String>,
    subject_id: Option<String>,
    #[serde(flatten)]
    subscribed: Subscribed,
    offered: Vec<Offered>,
    /// Whether the defaults of the price to change to give a trial.
    offers_trial: bool,
    /// Whether the caller used the key before.
    repeated: bool,
}

fn admit(caller: &Caller, asked: &Change, row: &mut Row) -> Result<(), Error> {
    if *caller == Caller::Guest {
        return Err(Refusal::Anonymous.into());
    }
    asked.check()?;
    if let Caller::User(user) = caller {
        untouched(row)?;
        row.set("created_by", user.clone());
        // An older snapshot would not show a row with this key that was written while we waited for its transaction.
        if asked.idempotency_key.is_some() && !transaction::is_read_committed() {
            return Err(Refusal::Isolation.into());
        }
    }
    redaction::keep_out(row, None, &redaction::CHANGE)?;
    let asks = is_request(row);
    if *caller == Caller::Trusted && !asks {
        return Ok(());
    }
    let id = asked.stripe_subscription_id.clone().unwrap_or_default();
    let created_by = row.text("created_by");
    let known = definer::read(|| {
        require_live_approval(asked.environment.as_deref())?;
        let found = FIND_SUBSCRIPTION.read::<Known>(&[
            text(asked.environment.as_deref()),
            text(id.as_str()),
            text(asked.stripe_price_id.as_deref()),
            text(asked.idempotency_key.as_deref()),
            text(created_by.as_deref()),
        ]);
        let known = found.into_iter().next();
        let unknown = || match caller {
            Caller::Trusted => Refusal::SubscriptionUnknown(id.clone()),
            _ => Refusal::SubscriptionNotOwned(id.clone()),
        };
        let known = known.ok_or_else(unknown)?;
        // A caller gets the same answer for a subscription of somebody else as for one that does not exist.
        let (kind, subject) = (known.subject_type.as_deref(), known.subject_id.as_deref());
        if *caller != Caller::Trusted && (subject.is_none() || caller.may_bill(kind, subject).is_err()) {
            return Err(unknown().into());
        }
        Ok::<Known, Error>(known)
    })?;
    row.set("subject_type", known.subject_type.clone());
    row.set("subject_id", known.subject_id.clone());
    if known.repeated {
        return Ok(());
    }
    let item = asked.item(&known.subscribed, &known.offered)?;
    if let Some(item) = item {
        may_become(caller, asked, &known, item)?;
    }
    row.set("stripe_subscription_item_id", item.map(|item| item.id.clone()));
    definer::write(SearchPath::Pinned, || {
        request_id::is_free(row, "subscription")?;
        open_sessions::take_turns(caller);
        open_sessions::has_room(caller, "subscription change", open_sessions::changes)
    })?;
    waiting::tell(asked.environment.as_deref());
    Ok(())
}

/// Whether an item may become what is asked for: no more of what costs nothing than a caller may have, and no product that the subject
/// subscribes to already.
fn may_become(caller: &Caller, asked: &Change, known: &Known, item: &Item) -> Result<(), Refusal> {
    let environment = asked.environment.as_deref().unwrap_or_default();
    if let (Some((price, product)), Caller::User(_)) = (asked.price_of(item), caller) {
        let gives = definer::read(|| prices::gives(environment, price, product));
        let of = (item, &known.subscribed);
        asked.is_within_free_quantity(of, &gives, known.offers_trial, max_free_quantity())?;
    }
    let (Some(subject_type), Some(subject_id)) = (&known.subject_type, &known.subject_id) else { return Ok(()) };
    if !asked.is_for_another_product(item, &known.offered) || allow_second_subscription() {
        return Ok(());
    }
    let prices = asked.stripe_price_id.iter().cloned().collect();
    let products = asked.product(&known.offered).into_iter().cloned().collect();
    let but = asked.stripe_subscription_id.as_deref();
    definer::read(|| prices::is_not_subscribed(environment, (subject_type, subject_id), prices, products, but))
}

fn untouched(row: &Row) -> Result<(), Refusal> {
    is_untouched(row, &NOT_YOURS)?;
    if row.flag("pending_update") {
        return Err(Refusal::NotYours("pending_update"));
    }
    if row.json("request").is_some() {
        return Err(Refusal::NotYours("request"));
    }
    Ok(())
}
