//! The guard of `payments.customer_portal_sessions`.

use payments_core::session::{Portal, Refusal};
use pgrx::prelude::*;

use super::{Caller, Row, guarded, is_request, is_untouched, open_sessions, redaction, refuse, request_id, waiting};
use crate::definer;
use crate::error::Error;
use crate::pg::guc::SearchPath;
use crate::pg::statement::{query, text};
use crate::precondition::require_live_approval;

query!(HAS_CUSTOMER, "session_portal", "has_customer");

const TABLE: &str = "payments.customer_portal_sessions";

/// Checks a new portal session and stamps its creator. A backend may write any state; of its rows only the forms are
/// checked and, where it asks, that live is approved.
#[pg_trigger(
    sql = "create function payments.guard_portal_session() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn guard_portal_session<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, std::convert::Infallible> {
    let mut row = guarded(trigger, TABLE);
    let caller = Caller::present();
    let asked = Portal {
        environment: row.text("environment"),
        subject_type: row.text("subject_type"),
        subject_id: row.text("subject_id"),
        return_url: row.text("return_url"),
        configuration_id: row.text("configuration_id"),
    };
    let asks = is_request(&row);
    let verdict = untouched(&caller, &row)
        .map_err(Error::from)
        .and_then(|()| admit(&caller, &asked, asks))
        .and_then(|_| Ok(has_room(&caller, &row)?))
        .and_then(|()| Ok(redaction::keep_out(&mut row, None, &redaction::PORTAL)?));
    if let Err(error) = verdict {
        refuse(&error, row.holds_secret());
    }
    if asks && row.text("url").is_none() {
        waiting::tell(asked.environment.as_deref());
    }
    if let Caller::User(id) = caller {
        row.set("created_by", id);
    }
    Ok(Some(row.0))
}

/// Checks a request to open the portal, the caller's right to it included, and tells whether its subject has a customer.
///
/// # Errors
/// 42501: nobody is signed in, or the subject is not the caller's. 55000: live is not approved. 22023: a bad argument.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn check_portal_session(
    environment: Option<String>,
    subject_type: Option<String>,
    subject_id: Option<String>,
    return_url: Option<String>,
    configuration_id: Option<String>,
) -> bool {
    let asked = Portal { environment, subject_type, subject_id, return_url, configuration_id };
    admit(&Caller::present(), &asked, true).unwrap_or_else(|error| refuse(&error, asked.holds_secret()))
}

fn untouched(caller: &Caller, row: &Row) -> Result<(), Refusal> {
    if *caller == Caller::Trusted {
        return Ok(());
    }
    is_untouched(row, &["stripe_customer_id", "url", "last_error"])?;
    if row.json("raw").as_deref() != Some("{}") {
        return Err(Refusal::NotYours("raw"));
    }
    Ok(())
}

/// Whether the caller may open one more.
fn has_room(caller: &Caller, row: &Row) -> Result<(), Refusal> {
    definer::write(SearchPath::Pinned, || {
        request_id::is_free(row, "portal")?;
        open_sessions::take_turns(caller);
        open_sessions::has_room(caller, "customer portal", open_sessions::portals)
    })
}

/// Refuses what may not be, and tells whether the subject has a Stripe customer.
fn admit(caller: &Caller, asked: &Portal, asks: bool) -> Result<bool, Error> {
    if *caller == Caller::Guest {
        return Err(Refusal::Anonymous.into());
    }
    asked.check()?;
    definer::read(|| {
        let (kind, id) = (asked.subject_type.as_deref(), asked.subject_id.as_deref());
        caller.may_bill(kind, id)?;
        if asks {
            require_live_approval(asked.environment.as_deref())?;
        }
        Ok(HAS_CUSTOMER.read::<bool>(&[text(asked.environment.as_deref()), text(kind), text(id)]) == [true])
    })
}
