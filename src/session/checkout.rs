//! The guard of `payments.checkout_sessions`: what is asked holds for plain INSERTs and for the functions alike.

use payments_core::session::{AskedItem, Checkout, Refusal, by_price_id, digest, park_key, park_key_forever};
use pgrx::prelude::*;
use serde::Deserialize;

use super::{Caller, Row, guarded, is_request, is_untouched, open_sessions, prices, redaction, refuse, waiting};
use crate::definer;
use crate::error::Error;
use crate::pg::guc::SearchPath;
use crate::pg::jsonb::Jsonb;
use crate::pg::statement::{query, text};
use crate::pg::{advisory_lock, transaction};
use crate::precondition::require_live_approval;
use crate::price_names::price_ids;
use crate::settings::{max_open_sessions, metadata_prefix};

query!(FIND_KEY, "session_checkout", "find_key");
query!(MOVE_KEY, "session_checkout", "move_key");
query!(SHOW_TO_GUEST, "session_checkout", "show_to_guest");
query!(FIND_STANDING, "session_checkout", "find_standing");

const TABLE: &str = "payments.checkout_sessions";
const NOT_YOURS: [&str; 11] = [
    "payment_status",
    "stripe_checkout_session_id",
    "stripe_customer_id",
    "stripe_payment_intent_id",
    "stripe_subscription_id",
    "claimed_by_session",
    "recovered_from",
    "url",
    "client_secret",
    "last_error",
    "request_digest",
];

/// Checks a new checkout session, stamps its creator and sees to its idempotency key.
///
/// A backend may write any state; of its rows only the forms are checked and, where it asks to pay, that live is approved.
/// Callers may only ask, for subjects that are theirs.
#[pg_trigger(
    sql = "create function payments.guard_checkout_session() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn guard_checkout_session<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, std::convert::Infallible> {
    let mut row = guarded(trigger, TABLE);
    let caller = Caller::present();
    if let Err(error) = admit(&caller, &mut row) {
        refuse(&error, row.holds_secret());
    }
    Ok(Some(row.0))
}

fn admit(caller: &Caller, row: &mut Row) -> Result<(), Error> {
    let asked = asked(row);
    if *caller != Caller::Trusted {
        row_is_untouched(row)?;
        row.set(
            "created_by",
            match caller {
                Caller::User(id) => Some(id.clone()),
                _ => None,
            },
        );
        row.set("guest", *caller == Caller::Guest);
        row.set("guest_transaction", (*caller == Caller::Guest).then(transaction::current_transaction));
        // An older snapshot would not show a row with this key that was written while we waited for its transaction.
        if asked.idempotency_key.is_some() && !transaction::is_read_committed() {
            return Err(Refusal::Isolation.into());
        }
    }
    let items = asked.check(&metadata_prefix())?;
    redaction::keep_out(row, None, &redaction::NOT_IN_REQUEST)?;
    redaction::end_client_secret(row);
    if asked.idempotency_key.is_some() && row.text("request_digest").is_none() {
        row.set("request_digest", asked.digest(&metadata_prefix()));
    }
    let (by_id, is_new) = definer::write(SearchPath::Pinned, || {
        caller.may_bill(asked.subject_type.as_deref(), asked.subject_id.as_deref())?;
        open_sessions::take_turns(caller);
        sell(caller, &asked, &items, row)
    })?;
    if let Some(line_items) = by_id {
        row.set("line_items", Jsonb(line_items));
    }
    if is_new && row.text("stripe_checkout_session_id").is_none() {
        waiting::tell(asked.environment.as_deref());
    }
    Ok(())
}

/// What decides on a request before its prices do. The locks of its user and its key must be taken.
#[derive(Debug, Default, Deserialize)]
struct Standing {
    /// Whether a row holds its idempotency key, plain or set aside.
    key_is_known: bool,
    /// Whether a request of another kind has its id. Of its own kind the primary key refuses it.
    id_is_taken: bool,
    /// How many checkout sessions of its user can still be paid, at most the limit.
    open: i64,
}

impl Standing {
    fn of(caller: &Caller, asked: &Checkout, key: Option<&Key>) -> Self {
        let user = match caller {
            Caller::User(user) => Some(user.as_str()),
            Caller::Trusted | Caller::Guest => None,
        };
        let args = [
            text(asked.environment.as_deref()),
            text(key.map(|key| key.plain)),
            text(key.map(|key| key.aside.as_str())),
            text(asked.id.as_str()),
            text(user),
            max_open_sessions().into(),
        ];
        FIND_STANDING.one(&args).unwrap_or_default()
    }
}

/// Checks the request. Returns its line items with the ids of prices, if they name prices otherwise, and whether the request is new and
/// still to be sent.
fn sell(caller: &Caller, asked: &Checkout, items: &[AskedItem], row: &Row) -> Result<(Option<String>, bool), Error> {
    let found = price_ids(asked.environment.as_deref(), items);
    let by_id = found.as_ref().ok().and_then(|found| by_price_id(asked.line_items.as_deref()?, found));
    // In the form of the row, by which a guest's own row is recognized.
    let held = Checkout { line_items: by_id.clone().or_else(|| asked.line_items.clone()), ..asked.clone() };
    let key = asked.idempotency_key.as_deref().map(|key| Key::presented(key, row, asked));
    let standing = Standing::of(caller, asked, key.as_ref());
    if key.is_some_and(|key| standing.key_is_known && key.claim(&held)) {
        return Ok((by_id, false));
    }
    let found = found?;
    if standing.id_is_taken {
        return Err(Refusal::IdTaken(asked.id.clone()).into());
    }
    match caller {
        // A backend's row about a session of the past is no request.
        Caller::Trusted if !is_request(row) => return Ok((by_id, false)),
        Caller::Trusted => require_live_approval(asked.environment.as_deref())?,
        Caller::User(_) | Caller::Guest => {
            prices::can_be_sold(asked, &found)?;
            prices::is_within_free_quantity(asked, items, &found)?;
            open_sessions::has_room(caller, "checkout", |_, _| standing.open)?;
        }
    }
    // For a backend too: to bill a subject twice is a mistake, unless the setting allows it.
    prices::is_first_subscription(asked, &found)?;
    Ok((by_id, true))
}

/// Checks a request as strictly for a backend as for a caller; for which subject is up to the backend.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::too_many_arguments)] // the columns of a request, as create_checkout_session takes them
fn check_checkout_session(
    environment: Option<String>,
    mode: Option<String>,
    line_items: Option<Jsonb>,
    success_url: Option<String>,
    cancel_url: Option<String>,
    subject_type: Option<String>,
    subject_id: Option<String>,
    customer_email: Option<String>,
    metadata: Option<Jsonb>,
    idempotency_key: Option<String>,
) {
    let asked = Checkout {
        id: String::new(),
        environment,
        mode,
        subject_type,
        subject_id,
        customer_email,
        line_items: line_items.map(|value| value.0),
        success_url,
        cancel_url,
        idempotency_key,
        metadata: metadata.map(|value| value.0),
    };
    let sold = |items: Vec<AskedItem>| {
        definer::read(|| prices::can_be_sold(&asked, &price_ids(asked.environment.as_deref(), &items)?))
    };
    if let Err(error) = asked.check(&metadata_prefix()).map_err(Error::from).and_then(sold) {
        refuse(&error, asked.holds_secret());
    }
}

fn asked(row: &Row) -> Checkout {
    Checkout {
        id: row.id(),
        environment: row.text("environment"),
        mode: row.text("mode"),
        subject_type: row.text("subject_type"),
        subject_id: row.text("subject_id"),
        customer_email: row.text("customer_email"),
        line_items: row.json("line_items"),
        success_url: row.text("success_url"),
        cancel_url: row.text("cancel_url"),
        idempotency_key: row.text("idempotency_key"),
        metadata: row.json("metadata"),
    }
}

fn row_is_untouched(row: &Row) -> Result<(), Refusal> {
    is_untouched(row, &NOT_YOURS)?;
    if row.json("raw").as_deref() != Some("{}") {
        return Err(Refusal::NotYours("raw"));
    }
    Ok(())
}

/// A row that has the presented key, in its plain form or set aside for the caller.
#[allow(clippy::struct_excessive_bools, reason = "a row of answers")]
#[derive(Debug, Deserialize)]
struct KeyRow {
    id: String,
    mine: bool,
    plain: bool,
    untouched: bool,
    shown: bool,
    id_taken: bool,
    created_by: Option<String>,
    guest: bool,
}

impl KeyRow {
    /// Whether the row is an earlier request of the caller. A guest has no name. So a row is a guest's own only in the same transaction, or
    /// while it shows nothing but what the guest presents.
    fn is_own(&self) -> bool {
        self.mine && (!self.guest || self.shown || self.untouched)
    }
}

/// An idempotency key that a caller presents.
///
/// Keys belong to their caller, yet the unique index that existing backends name in ON CONFLICT knows only environment and
/// key. So the plain key is with whoever asked last; a row of another caller that holds it keeps it set aside under a form
/// that nobody can present, and gets it back when its own caller asks again. Thus every caller's INSERT and every SELECT
/// back by key find the caller's own row and no other.
struct Key<'a> {
    plain: &'a str,
    aside: String,
    created_by: Option<String>,
    guest: bool,
}

impl<'a> Key<'a> {
    /// Serializes the requests with one key.
    fn presented(plain: &'a str, row: &Row, asked: &Checkout) -> Self {
        let created_by = row.text("created_by");
        let guest = row.flag("guest");
        advisory_lock::lock(&["idempotency key", asked.environment.as_deref().unwrap_or_default(), plain]);
        Self { plain, aside: park_key(plain, created_by.as_deref(), guest), created_by, guest }
    }

    /// Makes the key free for the caller, and returns whether a row of the caller has it already.
    fn claim(&self, asked: &Checkout) -> bool {
        let digest = asked.digest(&metadata_prefix());
        let holders = FIND_KEY.all::<KeyRow>(&[
            text(asked.environment.as_deref()),
            text(self.plain),
            text(self.aside.as_str()),
            text(self.created_by.as_deref()),
            self.guest.into(),
            text(digest.as_str()),
            text(asked.id.as_str()),
        ]);
        let mine = holders.iter().find(|holder| holder.is_own());
        // An INSERT with the id of another row inserts nothing, so it must not take a key from another row.
        let another_has_the_id =
            holders.iter().any(|holder| holder.id_taken) && mine.is_none_or(|mine| mine.id != asked.id);
        if !holders.is_empty() && !another_has_the_id {
            definer::write(SearchPath::Ordinary, || reassign_key(self.plain, &digest, &holders, mine));
        }
        mine.is_some()
    }
}

fn reassign_key(key: &str, digest: &str, holders: &[KeyRow], mine: Option<&KeyRow>) {
    for other in holders.iter().filter(|holder| !holder.is_own()) {
        // Nobody can ask for another guest's row again.
        let aside = if other.mine {
            park_key_forever(key, &other.id)
        } else if other.plain {
            park_key(key, other.created_by.as_deref(), other.guest)
        } else {
            continue;
        };
        MOVE_KEY.execute(&[text(other.id.as_str()), text(aside.as_str())]);
    }
    if let Some(mine) = mine {
        if mine.guest && !mine.shown {
            SHOW_TO_GUEST.execute(&[text(mine.id.as_str()), text(key), text(digest)]);
        } else if !mine.plain {
            MOVE_KEY.execute(&[text(mine.id.as_str()), text(key)]);
        }
    }
}

/// A digest that two requests share if they are the same. Takes the row, or the request, as JSON.
#[pg_extern(stable)]
#[search_path(pg_catalog, pg_temp)]
fn request_digest(session: &str) -> String {
    digest(session, &metadata_prefix())
}
