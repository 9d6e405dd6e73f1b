//! Every error that a caller of ours can meet: its SQLSTATE, message, DETAIL and HINT. No secret and no body is in any.

use payments_core::redact::{looks_secret, without_secrets};
use payments_core::session::Refusal;
use payments_core::stripe::event::Malformed;
use payments_core::stripe::signature::{BadSignature, MAX_HEADER, MAX_SIGNATURES};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use crate::pg::savepoint::sqlstate;

/// What was wrong with a call.
#[derive(Debug)]
pub(crate) enum Error {
    /// The environment is neither `test` nor `live`.
    Environment(Option<String>),
    /// An argument is null that may not be.
    Missing(&'static str),
    /// The signature was refused.
    Signature(BadSignature),
    /// There is no secret to verify with.
    NoSecret(&'static str),
    /// Live has not been approved.
    LiveNotApproved,
    /// The verified body is no event.
    Body(Malformed),
    /// The body is larger than the setting allows.
    TooLarge {
        /// Its size, in bytes.
        size: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The event is of the other environment.
    Livemode {
        /// The event, or what was backfilled.
        event_id: String,
        /// Its type.
        event_type: String,
        /// What it says.
        livemode: bool,
        /// Where it was posted.
        environment: &'static str,
    },
    /// The transaction's isolation level hides what other deliveries have written.
    Isolation,
    /// The same of a balance.
    IsolationOfBalance,
    /// A webhook secret that is none.
    BadSecret(&'static str),
    /// An argument that cannot be used, with a detail and a hint.
    Argument(&'static str, String, &'static str),
    /// `grant_role()` has not recorded the role as what the call needs.
    NotRecorded {
        /// The role; `None` where it is gone.
        role: Option<String>,
        /// What it would have to be.
        as_: &'static str,
    },
    /// A function that only the extension itself calls.
    Internal,
    /// Nobody can be asked.
    NotInstalled,
    /// Somebody else has written the event's row while we ran it.
    WrittenMeanwhile,
    /// A session that may not be.
    Session(Refusal),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Session(refusal)
    }
}

impl Error {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::Signature(_) => PgSqlErrorCode::ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
            Self::NotRecorded { .. } | Self::Internal => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            Self::NoSecret(_) | Self::LiveNotApproved | Self::NotInstalled => {
                PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE
            }
            Self::Body(Malformed::NotUtf8 | Malformed::NotJson(_)) => PgSqlErrorCode::ERRCODE_INVALID_JSON_TEXT,
            Self::Isolation | Self::IsolationOfBalance => PgSqlErrorCode::ERRCODE_ACTIVE_SQL_TRANSACTION,
            Self::WrittenMeanwhile => PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE,
            Self::Environment(_)
            | Self::Missing(_)
            | Self::Body(Malformed::NotAnEvent(_))
            | Self::TooLarge { .. }
            | Self::Livemode { .. }
            | Self::BadSecret(_)
            | Self::Argument(..) => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::Session(refusal) => match refusal.sqlstate() {
                "23505" => PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION,
                "55000" => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                "25001" => PgSqlErrorCode::ERRCODE_ACTIVE_SQL_TRANSACTION,
                "42501" => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
                "54000" => PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                _ => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            },
        }
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Self::Environment(_) => "environment must be test or live".to_owned(),
            Self::Missing(argument) => format!("{argument} must not be null"),
            Self::Signature(refusal) => refusal.to_string(),
            Self::NoSecret(environment) => format!("no webhook secret is configured for {environment}"),
            Self::LiveNotApproved => "live is not approved".to_owned(),
            Self::Body(malformed) => malformed.to_string(),
            Self::TooLarge { .. } => "webhook body is too large".to_owned(),
            Self::Livemode { environment, .. } => format!("event is not of the {environment} environment"),
            Self::Isolation => "events are projected under read committed only".to_owned(),
            Self::IsolationOfBalance => "balances change under read committed only".to_owned(),
            Self::BadSecret(_) => "webhook secret is not usable".to_owned(),
            Self::Argument(message, ..) => (*message).to_owned(),
            Self::NotRecorded { as_: "admin", .. } => "only an admin may do this".to_owned(),
            Self::NotRecorded { .. } => "only a role that posts webhooks may do this".to_owned(),
            Self::Internal => "only the extension itself may call this function".to_owned(),
            Self::NotInstalled => "the extension payments is not installed".to_owned(),
            Self::WrittenMeanwhile => "the event was written by another transaction meanwhile".to_owned(),
            Self::Session(refusal) => refusal.message(),
        }
    }

    /// Its SQLSTATE and message.
    pub(crate) fn told(&self) -> String {
        format!("{}: {}", sqlstate(self.sqlstate() as i32), self.message())
    }

    /// The offending values, never one that could be a secret.
    fn detail(&self) -> String {
        let detail = match self {
            Self::Environment(Some(given)) if looks_secret(given) => {
                "It looks like a secret and is not shown.".to_owned()
            }
            Self::Environment(Some(given)) => format!("It is {:?}.", given.chars().take(100).collect::<String>()),
            Self::Environment(None) => "It is null.".to_owned(),
            Self::Missing(argument) => format!("{argument} is null."),
            Self::Signature(refusal) => detail_of(refusal),
            Self::NoSecret(environment) => format!("No secret of {environment} is valid now."),
            Self::LiveNotApproved => "Nobody has approved taking real money.".to_owned(),
            Self::Body(Malformed::NotUtf8) => "Its bytes are no UTF-8.".to_owned(),
            Self::Body(Malformed::NotJson(place) | Malformed::NotAnEvent(place)) => format!("{place}."),
            Self::TooLarge { size, limit } => format!("It has {size} bytes; payments.max_body allows {limit}."),
            Self::Livemode { event_id, livemode, environment, .. } => {
                format!("Event {event_id} says livemode {livemode}; it was posted to {environment}.")
            }
            Self::Isolation | Self::IsolationOfBalance => {
                "This transaction is repeatable read or serializable.".to_owned()
            }
            Self::BadSecret(why) => return (*why).to_owned(),
            Self::Argument(_, detail, _) => detail.clone(),
            Self::NotRecorded { role, as_ } => {
                format!("Role {} is not recorded as {as_}.", role.as_deref().unwrap_or("of this call"))
            }
            Self::Internal => "It is a part of another function.".to_owned(),
            Self::NotInstalled => "Without it nobody can tell who is asking.".to_owned(),
            Self::WrittenMeanwhile => "Its row was not written by receive_stripe_webhook().".to_owned(),
            Self::Session(refusal) => refusal.detail(),
        };
        without_secrets(&detail)
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::Environment(_) => "Pass 'test' or 'live'.",
            Self::Missing(_) => "Pass a value.",
            Self::Signature(BadSignature::Missing) => "Pass the Stripe-Signature header of the request, unchanged.",
            Self::Signature(BadSignature::Malformed | BadSignature::TooLarge) => {
                "A Stripe-Signature header reads t=<unix seconds>,v1=<hexadecimal>."
            }
            Self::Signature(BadSignature::NoMatch) => {
                "Pass the raw body, byte for byte, and set the endpoint's secret with payments.set_webhook_secret()."
            }
            Self::Signature(BadSignature::TooOld { .. } | BadSignature::FromTheFuture { .. }) => {
                "Check the server's clock; the tolerance is the setting payments.signature_tolerance."
            }
            Self::NoSecret(_) => "Set it with payments.set_webhook_secret(environment, secret).",
            Self::LiveNotApproved => "An admin approves it with payments.approve_live(approved_by).",
            Self::Body(_) => "Pass the body that Stripe sent, byte for byte.",
            Self::TooLarge { .. } => "Raise payments.max_body if Stripe really sends such events.",
            Self::Livemode { .. } => "Point test and live endpoints at their own environment.",
            Self::Isolation | Self::IsolationOfBalance => "Begin the transaction with isolation level read committed.",
            Self::BadSecret(_) => "Copy the whole signing secret, which begins with whsec_, from the endpoint's page.",
            Self::Argument(_, _, hint) => hint,
            Self::NotRecorded { as_: "admin", .. } => {
                "Call it as a trusted backend's role; an admin makes one with payments.grant_role(role, 'admin')."
            }
            Self::NotRecorded { .. } => "An admin records the role with payments.grant_role(role, 'webhook').",
            Self::Internal => "Call the function that it belongs to; docs list those.",
            Self::NotInstalled => "CREATE EXTENSION payments finds its tables again.",
            Self::WrittenMeanwhile => "Let Stripe deliver the event again.",
            Self::Session(refusal) => refusal.hint(),
        }
    }

    /// Raises it.
    pub(crate) fn raise(&self) -> ! {
        if matches!(self, Self::Environment(Some(given)) if looks_secret(given)) {
            crate::pg::guc::hide_statement_from_log();
        }
        ErrorReport::new(self.sqlstate(), self.message(), "payments")
            .set_detail(self.detail())
            .set_hint(self.hint())
            .report(PgLogLevel::ERROR);
        unreachable!("an error report does not return")
    }
}

fn detail_of(refusal: &BadSignature) -> String {
    match refusal {
        BadSignature::Missing => "There is no Stripe-Signature header, or it is empty.".to_owned(),
        BadSignature::Malformed => "It lacks t or v1, says t twice, or says something else in their place.".to_owned(),
        BadSignature::TooLarge => {
            format!("It is longer than {MAX_HEADER} bytes, or has more than {MAX_SIGNATURES} v1 values.")
        }
        BadSignature::NoMatch => "No v1 value is that of this body under a secret that is valid now.".to_owned(),
        BadSignature::TooOld { timestamp, tolerance } => {
            format!("It was made at {timestamp} (Unix seconds), more than {tolerance} seconds ago.")
        }
        BadSignature::FromTheFuture { timestamp, tolerance } => {
            format!("It was made at {timestamp} (Unix seconds), more than {tolerance} seconds from now.")
        }
    }
}

/// The edge between plain results and raised errors.
pub(crate) trait OrRaise<T> {
    /// The value, or the error raised.
    fn or_raise(self) -> T;
}

impl<T> OrRaise<T> for Result<T, Error> {
    fn or_raise(self) -> T {
        self.unwrap_or_else(|error| error.raise())
    }
}
