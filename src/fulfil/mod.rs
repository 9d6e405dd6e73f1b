//! Giving what was bought: the thin trigger functions, and the writes into the app's own tables.
//!
//! What to do is decided in `payments_core::fulfil`; here it is read, done as the target table's owner inside a savepoint
//! of its own, and kept in `payments.fulfillments`. A target that fails is recorded there and does not stop the others.

mod benefits;
mod bulk;
mod credits;
mod entitlements;
mod first;
mod jobs;
mod known;
mod order;
mod purchase;
mod retry;
mod subscription;
mod target;
pub(crate) mod trigger;
mod wallet;

use payments_core::Subject;
use payments_core::fulfil::promise::Undecided;
use payments_core::fulfil::{State, Verdict};
use pgrx::datum::DatumWithOid;
use serde::Serialize;

use crate::db::{Failure, json, statement, text};
use purchase::{Purchase, UNDECIDED};
use target::Target;

statement!(RECORD_FULFILLMENT, "record_fulfillment");
statement!(RECORD_FIRST, "record_first");
statement!(RECORD_ALL, "record_all");
statement!(RECORD_FAILURE, "record_failure");
statement!(FORGET_FULFILLMENT, "forget_fulfillment");

/// What the app's tables are for; the `kind` of an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Orders,
    CreditLedger,
    UserEntitlements,
    BillingStatus,
    FulfillmentJobs,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::CreditLedger => "credit_ledger",
            Self::UserEntitlements => "user_entitlements",
            Self::BillingStatus => "billing_status",
            Self::FulfillmentJobs => "fulfillment_jobs",
        }
    }

    /// The kind of that name, of those that a payment gives.
    fn named(name: &str) -> Option<Self> {
        PAID_FOR.into_iter().find(|kind| kind.name() == name)
    }
}

impl Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What one payment can give.
const PAID_FOR: [Kind; 4] = [Kind::Orders, Kind::CreditLedger, Kind::UserEntitlements, Kind::FulfillmentJobs];

/// Gives what one payment bought to every table of one kind. Running it again changes nothing.
fn fulfil_payment(kind: Kind, payment: pgrx::Uuid) {
    purchase::forget_version();
    if known::targets(kind).is_empty() {
        return;
    }
    if let Some(purchase) = Purchase::find(payment) {
        fulfil(kind, &purchase);
    }
}

fn fulfil(kind: Kind, purchase: &Purchase) {
    match kind {
        Kind::Orders => order::fulfil(purchase),
        Kind::CreditLedger => credits::fulfil(purchase),
        Kind::UserEntitlements => entitlements::fulfil(purchase),
        Kind::FulfillmentJobs => jobs::fulfil(purchase),
        Kind::BillingStatus => {}
    }
}

/// Records that a line can't be decided yet, and why.
fn keep_undecided(purchase: &Purchase, kind: Kind, target: &Target, price: &str, undecided: Undecided) {
    let what = format!("{UNDECIDED}{price}");
    let of_what = if kind == Kind::Orders { "something of their own" } else { "something of this kind" };
    let reason = format!("the product of {price} is not known yet, and products give {of_what}");
    let verdict = Verdict::because(State::Skipped, reason);
    let record = Record { via: Some(price), ..Record::new(purchase, kind, target, &what, verdict) };
    match undecided {
        Undecided::UnknownProduct => record.keep(),
        Undecided::OutOfRange => {
            let reason = format!("so many of {price} give more than can be written");
            record.keep_failure(&Failure::because("22003", reason));
        }
    }
}

/// There is nothing to say any more.
fn forget(source: &str, kind: Kind, target: &Target, what: &str, except: Option<&str>) {
    let relation = target.relation.as_str();
    FORGET_FULFILLMENT.execute(&[text(source), text(kind.name()), text(relation), text(what), text(except)]);
}

/// A decision on its way to `payments.fulfillments`.
#[derive(Debug, Clone, Serialize)]
struct Record<'a> {
    environment: &'a str,
    source: &'a str,
    kind: Kind,
    target: &'a str,
    what: &'a str,
    #[serde(flatten)]
    verdict: Verdict,
    via: Option<&'a str>,
    due: Option<i64>,
    granted: Option<i64>,
    taken_back: Option<i64>,
    currency: Option<&'a str>,
    starts_at: Option<i64>,
    expires_at: Option<i64>,
    matches: bool,
    held: Option<&'a str>,
    lasts: Option<&'a str>,
}

impl<'a> Record<'a> {
    fn new(purchase: &'a Purchase, kind: Kind, target: &'a Target, what: &'a str, verdict: Verdict) -> Self {
        Self::of(&purchase.environment, &purchase.source, kind, &target.relation, what, verdict)
    }

    fn of(environment: &'a str, source: &'a str, kind: Kind, target: &'a str, what: &'a str, verdict: Verdict) -> Self {
        Self {
            environment,
            source,
            kind,
            target,
            what,
            verdict,
            via: None,
            due: None,
            granted: None,
            taken_back: None,
            currency: None,
            starts_at: None,
            expires_at: None,
            matches: false,
            held: None,
            lasts: None,
        }
    }

    fn keep(&self) {
        RECORD_FULFILLMENT.execute(&Self::all_args(std::slice::from_ref(self)));
    }

    /// Keeps what was decided on one source of which nothing is on record, four decisions in a statement.
    fn keep_first(records: &[Self]) {
        for some in records.chunks(4) {
            let kept = RECORD_FIRST.execute(&Self::all_args(some));
            if usize::try_from(kept) != Ok(some.len()) {
                some.iter().for_each(Self::keep);
            }
        }
    }

    /// The same of many sources.
    fn keep_all(records: &[Self]) {
        if usize::try_from(RECORD_ALL.execute(&[json(records)])) != Ok(records.len()) {
            records.iter().for_each(Self::keep);
        }
    }

    /// The arguments of at most four, which are of one source.
    fn all_args(some: &[Self]) -> Vec<DatumWithOid<'_>> {
        let mut args: Vec<DatumWithOid> = Vec::with_capacity(2 + 4 * 15);
        args.push(text(some.first().map(|first| first.environment)));
        args.push(text(some.first().map(|first| first.source)));
        (0..4).for_each(|place| args.extend(Self::args(some.get(place))));
        args
    }

    fn args(record: Option<&Self>) -> [DatumWithOid<'_>; 15] {
        let word = |of: fn(&Self) -> Option<&str>| text(record.and_then(of));
        let number = |of: fn(&Self) -> Option<i64>| record.and_then(of).into();
        [
            word(|record| Some(record.kind.name())),
            word(|record| Some(record.target)),
            word(|record| Some(record.what)),
            word(|record| Some(record.verdict.state.name())),
            word(|record| record.verdict.reason.as_deref()),
            word(|record| record.via),
            number(|record| record.due),
            number(|record| record.granted),
            number(|record| record.taken_back),
            word(|record| record.currency),
            number(|record| record.starts_at),
            number(|record| record.expires_at),
            record.is_some_and(|record| record.matches).into(),
            word(|record| record.held),
            word(|record| record.lasts),
        ]
    }

    /// Records instead that the target could not be written.
    fn keep_failure(&self, failure: &Failure) {
        let reason = match &failure.detail {
            Some(detail) => format!("{} ({detail})", failure.message),
            None => failure.message.clone(),
        };
        RECORD_FAILURE.execute(&[
            text(self.environment),
            text(self.source),
            text(self.kind.name()),
            text(self.target),
            text(self.what),
            text(reason.as_str()),
            text(failure.sqlstate.as_str()),
            text(self.via),
            self.due.into(),
            self.expires_at.into(),
            text(self.lasts),
        ]);
    }
}

fn subject(subject_type: &str, subject_id: &str) -> Subject {
    Subject { subject_type: subject_type.to_owned(), subject_id: subject_id.to_owned() }
}
