//! Giving what was bought: the thin trigger functions, and the writes into the app's own tables.
//!
//! What to do is decided in `payments_core::fulfil`; here it is read, done as the target table's owner inside a savepoint
//! of its own, and kept in `payments.fulfillments`. A target that fails is recorded there and does not stop the others.

mod credits;
mod entitlements;
mod jobs;
mod known;
mod order;
mod retry;
mod subscription;
mod target;
pub(crate) mod trigger;
mod wallet;

use std::rc::Rc;

use payments_core::fulfil::{Line, Money, State, Subject, Verdict};
use pgrx::datum::DatumWithOid;
use serde::Deserialize;

use crate::db::{Failure, json, statement, text};
use target::Target;

statement!(FIND_PURCHASE, "find_purchase");
statement!(RECORD_FULFILLMENT, "record_fulfillment");
statement!(RECORD_FAILURE, "record_failure");
statement!(FIND_BENEFITS, "find_benefits");

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

/// What one payment can give.
const PAID_FOR: [Kind; 4] = [Kind::Orders, Kind::CreditLedger, Kind::UserEntitlements, Kind::FulfillmentJobs];

/// A payment whose money arrived, with what its local checkout session says was bought.
#[derive(Debug, Clone, Deserialize)]
struct Purchase {
    environment: String,
    source: String,
    money: Money,
    stripe_checkout_session_id: Option<String>,
    stripe_payment_intent_id: Option<String>,
    created_by: Option<String>,
    subject_type: Option<String>,
    subject_id: Option<String>,
    order_id: Option<String>,
    line_items: serde_json::Value,
    #[serde(skip)]
    targets: Rc<Vec<Target>>,
    given: Option<Vec<Given>>,
}

/// An earlier decision, as `payments.fulfillments` keeps it.
#[derive(Debug, Clone, Deserialize)]
struct Given {
    target: String,
    what: String,
    state: State,
    via: Option<String>,
    due: Option<i64>,
    granted: Option<i64>,
    taken_back: Option<i64>,
    currency: Option<String>,
    held: Option<String>,
    lasts: Option<String>,
    expires_at: Option<i64>,
}

impl Purchase {
    fn subject(&self) -> Option<Subject> {
        let (subject_type, subject_id) = self.subject_type.clone().zip(self.subject_id.clone())?;
        Some(Subject { subject_type, subject_id })
    }

    /// The user who gets what one person owns: the subject where it is a user, else who opened the session.
    fn user(&self) -> Option<&str> {
        match self.subject_type.as_deref() {
            Some("user") => self.subject_id.as_deref(),
            _ => self.created_by.as_deref(),
        }
    }

    fn lines(&self) -> Vec<Line> {
        payments_core::fulfil::lines(&self.line_items)
    }

    fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// What its lines give now, of one kind.
    fn benefits(&self, kind: Kind) -> Vec<Benefit> {
        Benefit::of(&self.environment, &self.lines(), kind, self.money.paid_at)
    }

    /// Records that nothing is given, so that a benefit which is set later does not reach back to this payment.
    fn nothing_to_give(&self, kind: Kind, target: &Target) {
        let prices: Vec<String> = self.lines().into_iter().map(|line| line.price).collect();
        let reason = format!("no benefit of this kind is set for {}", prices.join(", "));
        Record::new(self, kind, target, "nothing", Verdict::because(State::Skipped, reason)).keep();
    }

    /// Something can't be given as things are: a person must look, unless the money is gone back anyway.
    fn needs_review(&self, reason: &str) -> Verdict {
        if self.money.returned() {
            return Verdict::because(State::Skipped, format!("{reason}; {}", self.money.way_back()));
        }
        Verdict::because(State::NeedsReview, reason)
    }

    fn given(&self, target: &Target) -> impl Iterator<Item = &Given> {
        self.given.iter().flatten().filter(|given| given.target == target.relation)
    }
}

/// Gives what one payment bought to every table of one kind. Running it again changes nothing.
fn fulfil_payment(kind: Kind, payment: pgrx::Uuid) {
    let targets = known::targets(kind);
    if targets.is_empty() {
        return;
    }
    let Some(purchase) = find_purchase(kind, payment, &targets) else { return };
    match kind {
        Kind::Orders => order::fulfil(&purchase),
        Kind::CreditLedger => credits::fulfil(&purchase),
        Kind::UserEntitlements => entitlements::fulfil(&purchase),
        Kind::FulfillmentJobs => jobs::fulfil(&purchase),
        Kind::BillingStatus => {}
    }
}

fn find_purchase(kind: Kind, payment: pgrx::Uuid, targets: &Rc<Vec<Target>>) -> Option<Purchase> {
    let found = FIND_PURCHASE.one::<Purchase>(&[payment.into(), text(kind.name())])?;
    Some(Purchase { targets: Rc::clone(targets), ..found })
}

/// A decision on its way to `payments.fulfillments`.
#[derive(Debug, Clone)]
struct Record<'a> {
    environment: &'a str,
    source: &'a str,
    kind: Kind,
    target: &'a str,
    what: &'a str,
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
        let args: [DatumWithOid; 17] = [
            text(self.environment),
            text(self.source),
            text(self.kind.name()),
            text(self.target),
            text(self.what),
            text(self.verdict.state.name()),
            text(self.verdict.reason.as_deref()),
            text(self.via),
            self.due.into(),
            self.granted.into(),
            self.taken_back.into(),
            text(self.currency),
            self.starts_at.into(),
            self.expires_at.into(),
            self.matches.into(),
            text(self.held),
            text(self.lasts),
        ];
        RECORD_FULFILLMENT.execute(&args);
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

/// What one price (or product) gives for the quantity bought.
#[derive(Debug, Clone, Deserialize)]
struct Benefit {
    via: String,
    credits: Option<i64>,
    key: Option<String>,
    past_due: bool,
    lasts: Option<String>,
    expires_at: Option<i64>,
}

impl Benefit {
    /// What these lines give now, of one kind, counted from `start`.
    fn of(environment: &str, lines: &[Line], kind: Kind, start: i64) -> Vec<Self> {
        let lines = lines.iter().map(|line| (line.price.clone(), line.quantity, None)).collect::<Vec<_>>();
        Self::of_lines(environment, &lines, kind, start)
    }

    /// The same for lines whose product is known: price, quantity, product.
    fn of_lines(environment: &str, lines: &[(String, i64, Option<String>)], kind: Kind, start: i64) -> Vec<Self> {
        FIND_BENEFITS.all(&[text(environment), json(lines), text(kind.name()), start.into()])
    }
}

fn subject(subject_type: &str, subject_id: &str) -> Subject {
    Subject { subject_type: subject_type.to_owned(), subject_id: subject_id.to_owned() }
}
