//! Asking to pay: who may bill for whom, and what may stand in a session.

pub(crate) mod change;
pub(crate) mod checkout;
mod defaults;
mod open_sessions;
pub(crate) mod portal;
mod prices;
pub(crate) mod redaction;
mod request_id;
pub(crate) mod subject;
mod subject_type;
mod waiting;

use payments_core::redact::{has_client_secret, json_looks_secret, looks_secret};
use payments_core::session::Refusal;
use pgrx::datum::UnboxDatum;
use pgrx::heap_tuple::PgHeapTuple;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use crate::error::Error;
use crate::identity::current_user_id;
use crate::pg::jsonb::Jsonb;
use crate::pg::{catalog, role, trigger_row};
use crate::trust;

/// Who inserts a session.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Caller {
    /// A backend, which may write what only Stripe and the backend know.
    Trusted,
    /// An end user.
    User(String),
    /// Nobody.
    Guest,
}

impl Caller {
    /// The caller of the present statement.
    fn present() -> Self {
        if trust::is_admin(role::current_role()) {
            return Self::Trusted;
        }
        current_user_id().map_or(Self::Guest, Self::User)
    }

    /// Whether it may bill for the subject of a request.
    fn may_bill(&self, subject_type: Option<&str>, subject_id: Option<&str>) -> Result<(), Refusal> {
        let (Some(kind), Some(id)) = (subject_type, subject_id) else {
            return Ok(());
        };
        match self {
            Self::Trusted => Ok(()),
            Self::Guest => Err(Refusal::Anonymous),
            Self::User(user) => match subject::owns(user, kind, id) {
                subject::SubjectAccess::Owns => Ok(()),
                subject::SubjectAccess::Unregistered => Err(Refusal::Unregistered(kind.to_owned())),
                subject::SubjectAccess::Foreign => {
                    Err(Refusal::NotOwned { subject_type: kind.to_owned(), subject_id: id.to_owned() })
                }
            },
        }
    }
}

/// Raises an error. Whatever it is about, a statement that holds a secret is kept out of the server's log.
fn refuse(error: &Error, holds_secret: bool) -> ! {
    if holds_secret {
        crate::pg::guc::hide_statement_from_log();
    }
    error.raise()
}

/// The row that a guard was called for, after checking that it was called as a guard of that table.
fn guarded<'a>(trigger: &'a PgTrigger<'a>, table: &str) -> Row<'a> {
    let relation = trigger.relid().unwrap_or(pg_sys::InvalidOid);
    let insert = matches!(trigger.op(), Ok(PgTriggerOperation::Insert));
    let before = matches!(trigger.when(), Ok(PgTriggerWhen::Before));
    match trigger.new() {
        Some(new) if insert && before && catalog::qualified_name(relation).as_deref() == Some(table) => {
            Row(new.into_owned())
        }
        _ => misplaced(&format!("BEFORE INSERT FOR EACH ROW on {table}")),
    }
}

fn misplaced(made_for: &str) -> ! {
    ErrorReport::new(
        PgSqlErrorCode::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
        "a guard was put on a table or an event that it is not made for",
        "payments",
    )
    .set_detail(format!("It is made for {made_for}."))
    .set_hint("Drop that trigger.")
    .report(PgLogLevel::ERROR);
    unreachable!("an error report does not return")
}

/// A row that a guard may change.
struct Row<'a>(PgHeapTuple<'a, pgrx::AllocatedByRust>);

impl Row<'_> {
    fn text(&self, column: &'static str) -> Option<String> {
        self.get(column)
    }

    fn json(&self, column: &'static str) -> Option<String> {
        self.get::<Jsonb>(column).map(|value| value.0)
    }

    fn number(&self, column: &'static str) -> Option<i64> {
        self.get(column)
    }

    fn flag(&self, column: &'static str) -> bool {
        self.get(column).unwrap_or(false)
    }

    fn id(&self) -> String {
        self.get::<pgrx::Uuid>("id").map_or_else(String::new, |id| id.to_string())
    }

    fn get<'a, T>(&'a self, column: &'static str) -> Option<T>
    where
        T: FromDatum + IntoDatum + UnboxDatum<As<'a> = T> + 'a,
    {
        trigger_row::get(&self.0, column).unwrap_or_else(|error| pgrx::error!("column {column}: {error}"))
    }

    fn set<T: IntoDatum>(&mut self, column: &'static str, value: T) {
        trigger_row::set(&mut self.0, column, value).unwrap_or_else(|error| pgrx::error!("column {column}: {error}"));
    }

    /// Whether any text or JSON of it holds what looks like a Stripe secret, or the secret of a page that shows a checkout.
    fn holds_secret(&self) -> bool {
        self.0.attributes().any(|(place, column)| match column.atttypid {
            pg_sys::TEXTOID => self
                .0
                .get_by_index::<String>(place)
                .ok()
                .flatten()
                .is_some_and(|text| looks_secret(&text) || column.name() == "client_secret"),
            pg_sys::JSONBOID => self
                .0
                .get_by_index::<Jsonb>(place)
                .ok()
                .flatten()
                .is_some_and(|json| json_looks_secret(&json.0) || has_client_secret(&json.0)),
            _ => false,
        })
    }

    /// The first of the columns that has a value.
    fn first_given(&self, columns: &[&'static str]) -> Option<&'static str> {
        columns.iter().copied().find(|column| self.text(column).is_some())
    }
}

/// Whether a caller wrote none of these columns, and a row that is yet to be sent. Column privileges say so already; this holds where
/// an app granted more than it should.
fn is_untouched(row: &Row, not_yours: &[&'static str]) -> Result<(), Refusal> {
    match row.first_given(not_yours) {
        Some(column) => Err(Refusal::NotYours(column)),
        None if is_request(row) => Ok(()),
        None => Err(Refusal::NotYours("status")),
    }
}

/// Whether a row asks for something that is yet to happen, rather than telling what did.
fn is_request(row: &Row) -> bool {
    row.text("status").as_deref() == Some("initialized")
}

/// A text with everything that looks like a Stripe secret taken out.
#[pg_extern(immutable, parallel_safe)]
#[search_path(pg_catalog, pg_temp)]
fn without_secrets(text: &str) -> String {
    payments_core::redact::without_secrets(text)
}
