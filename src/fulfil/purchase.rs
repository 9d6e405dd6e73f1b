//! A purchase: a payment whose money arrived, what its local checkout session says was bought, and what was given before.
//! It is read once for each change of the payment's row, whichever triggers ask.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use payments_core::Subject;
use payments_core::fulfil::order::Own;
use payments_core::fulfil::promise::{Benefit, Waiting};
use payments_core::fulfil::{Line, Money, State, Verdict};
use serde::Deserialize;

use super::order::uuid;
use super::target::Target;
use super::{Kind, Record, benefits};
use crate::db::statement;
use crate::lock;

statement!(FIND_PURCHASES, "find_purchases");

/// How the record of a line begins that can't be decided yet; its price follows.
pub(super) const UNDECIDED: &str = "undecided:";

/// A payment whose money arrived, with what its local checkout session says was bought.
#[derive(Debug, Deserialize)]
pub(super) struct Purchase {
    payment: String,
    pub(super) environment: String,
    pub(super) source: String,
    pub(super) money: Money,
    pub(super) stripe_checkout_session_id: Option<String>,
    pub(super) stripe_payment_intent_id: Option<String>,
    pub(super) created_by: Option<String>,
    guest: bool,
    pub(super) subject_type: Option<String>,
    pub(super) subject_id: Option<String>,
    pub(super) order_id: Option<String>,
    pub(super) live_approved: bool,
    pub(super) line_items: serde_json::Value,
    given: Option<Vec<Given>>,
    #[serde(skip)]
    benefits: OnceCell<Vec<Benefit>>,
    #[serde(skip)]
    own: OnceCell<Own>,
    /// Whether it holds the order that it names, once that is settled.
    #[serde(skip)]
    pub(super) holds: Cell<Option<bool>>,
    /// Whether it was tried to give all kinds at once, and which kinds are done.
    #[serde(skip)]
    pub(super) tried: Cell<bool>,
    #[serde(skip)]
    pub(super) done: RefCell<Vec<Kind>>,
}

/// An earlier decision, as `payments.fulfillments` keeps it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Given {
    kind: String,
    pub(super) target: String,
    pub(super) what: String,
    pub(super) state: State,
    pub(super) via: Option<String>,
    pub(super) due: Option<i64>,
    pub(super) granted: Option<i64>,
    pub(super) taken_back: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) held: Option<String>,
    pub(super) lasts: Option<String>,
    pub(super) expires_at: Option<i64>,
    decided_at: i64,
}

impl Given {
    /// Whether a person or another try is waited for.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::NeedsReview | State::Failed)
    }

    /// The line that it says is undecided, if it says so.
    pub(super) fn waiting(&self) -> Option<Waiting> {
        let price = self.what.strip_prefix(UNDECIDED)?.to_owned();
        Some(Waiting { price, decided_at: (self.state != State::Failed).then_some(self.decided_at) })
    }
}

impl Purchase {
    /// Reads it, unless the payment is no purchase of a local session.
    pub(super) fn find(payment: pgrx::Uuid) -> Option<Self> {
        FIND_PURCHASES.one(&[vec![payment].into()])
    }

    /// Reads those that are purchases of local sessions, in the order of their payments.
    pub(super) fn find_all(payments: &[pgrx::Uuid]) -> Vec<Rc<Self>> {
        let places: HashMap<&[u8; 16], usize> = payments.iter().map(pgrx::Uuid::as_bytes).zip(0..).collect();
        let mut found: Vec<Self> = FIND_PURCHASES.all(&[payments.to_vec().into()]);
        found.sort_by_cached_key(|purchase| places.get(&purchase.payment()).copied());
        found.into_iter().map(Rc::new).collect()
    }

    /// The id of its payment.
    pub(super) fn payment(&self) -> [u8; 16] {
        *uuid(&self.payment).as_bytes()
    }

    /// Whether nothing was ever decided on it.
    pub(super) fn is_new(&self) -> bool {
        self.given.is_none()
    }

    pub(super) fn subject(&self) -> Option<Subject> {
        let (subject_type, subject_id) = self.subject_type.clone().zip(self.subject_id.clone())?;
        Some(Subject { subject_type, subject_id })
    }

    /// The user who gets what one person owns: the subject where it is a user, else who opened the session.
    pub(super) fn user(&self) -> Option<&str> {
        match self.subject_type.as_deref() {
            Some("user") => self.subject_id.as_deref(),
            _ => self.created_by.as_deref(),
        }
    }

    /// Whether it is of test while live is approved, or was: what it gave is taken back as ever, but it gives nothing more that
    /// live could use.
    pub(super) fn only_takes_back(&self) -> bool {
        self.environment == "test" && self.live_approved
    }

    fn lines(&self) -> Vec<Line> {
        payments_core::fulfil::lines(&self.line_items)
    }

    /// What its lines give now, of every kind.
    ///
    /// Where a line's product is unknown, whoever writes its price is waited for, and waits for us: one of both sees the other.
    /// Nothing of this payment is written to a ledger yet, so that nobody waits for us meanwhile.
    pub(super) fn benefits(&self) -> &[Benefit] {
        self.benefits.get_or_init(|| {
            let lines: Vec<_> = self.lines().into_iter().map(|line| (line.price, line.quantity, None)).collect();
            let benefits = benefits::of_lines(&self.environment, &lines, self.money.paid_at);
            let mut new: Vec<&str> = benefits
                .iter()
                .filter(|benefit| benefit.unknown_credits || benefit.unknown_keys)
                .map(|benefit| benefit.price.as_str())
                .filter(|price| {
                    self.given.iter().flatten().all(|given| given.what.strip_prefix(UNDECIDED) != Some(price))
                })
                .collect();
            if new.is_empty() {
                return benefits;
            }
            new.sort_unstable();
            new.dedup();
            for price in new {
                lock::beside(&price_lock(&self.environment, price));
            }
            benefits::of_lines_now(&self.environment, &lines, self.money.paid_at)
        })
    }

    /// Whether a backend made its session: nobody is named as who opened it.
    pub(super) fn by_backend(&self) -> bool {
        self.created_by.is_none() && !self.guest
    }

    /// What its line items give by themselves, by the benefits that were set when it was decided on first. Must be asked before
    /// anything is written as another role.
    pub(super) fn own(&self) -> &Own {
        self.own.get_or_init(|| {
            let decided_at = self.given.iter().flatten().map(|given| given.decided_at).min();
            let then = |benefit: &&Benefit| decided_at.is_none_or(|then| benefit.since.is_some_and(|set| set <= then));
            let benefits = self.benefits();
            let giving = benefits.iter().filter(then).filter_map(|benefit| benefit.via.as_ref()).min();
            // What it gave stays given, whatever became of the benefit.
            let given = [Kind::CreditLedger, Kind::UserEntitlements].into_iter().flat_map(|kind| self.given_of(kind));
            let gave = given.filter(|given| given.waiting().is_none()).filter_map(|given| given.via.as_ref()).min();
            if let Some(via) = giving.or(gave) {
                return Own::Gives(via.clone());
            }
            let unknown = benefits.iter().filter(|benefit| benefit.unknown_credits || benefit.unknown_keys);
            let mut unknown: Vec<String> = unknown.map(|benefit| benefit.price.clone()).collect();
            unknown.sort_unstable();
            unknown.dedup();
            if unknown.is_empty() { Own::Nothing } else { Own::Unknown(unknown) }
        })
    }

    /// Records that nothing is given, so that a benefit which is set later does not reach back to this payment.
    pub(super) fn nothing_to_give(&self, kind: Kind, target: &Target) {
        let prices: Vec<String> = self.lines().into_iter().map(|line| line.price).collect();
        let reason = format!("no benefit of this kind is set for {}", prices.join(", "));
        Record::new(self, kind, target, "nothing", Verdict::because(State::Skipped, reason)).keep();
    }

    /// Records that a test payment gives nothing any more: at all, or of what was tried before.
    pub(super) fn refuse_test(&self, kind: Kind, target: &Target, tried: Option<&Given>) {
        let reason = "the table names no environment, and live is approved: a test payment gives nothing to it";
        let verdict = Verdict::because(State::Skipped, reason);
        let what = tried.map_or("nothing", |given| given.what.as_str());
        let record = Record::new(self, kind, target, what, verdict);
        match tried {
            Some(given) => Record {
                via: given.via.as_deref(),
                due: given.due,
                lasts: given.lasts.as_deref(),
                expires_at: given.expires_at,
                ..record
            }
            .keep(),
            None => record.keep(),
        }
    }

    /// Something can't be given as things are: a person must look, unless the money is gone back anyway.
    pub(super) fn needs_review(&self, reason: &str) -> Verdict {
        if self.money.returned() {
            return Verdict::because(State::Skipped, format!("{reason}; {}", self.money.way_back()));
        }
        Verdict::because(State::NeedsReview, reason)
    }

    /// What was decided before of a kind, but on something else or on another table.
    pub(super) fn given_elsewhere(&self, kind: Kind, target: &Target, what: &str) -> impl Iterator<Item = &Given> {
        self.given.iter().flatten().filter(move |given| {
            given.kind == kind.name()
                && (given.target.as_str(), given.what.as_str()) != (target.relation.as_str(), what)
        })
    }

    /// What was decided before on one table.
    pub(super) fn given(&self, kind: Kind, target: &Target) -> impl Iterator<Item = &Given> {
        self.given_of(kind).filter(move |given| given.target == target.relation)
    }

    /// What was decided before of one kind.
    pub(super) fn given_of(&self, kind: Kind) -> impl Iterator<Item = &Given> {
        self.given.iter().flatten().filter(move |given| given.kind == kind.name())
    }
}

/// What stands for a price among the locks.
pub(super) fn price_lock<'a>(environment: &'a str, price: &'a str) -> [&'a str; 3] {
    ["price", environment, price]
}

/// One version of a payment's row: no other has the same place, writer and command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) payment: [u8; 16],
    pub(super) writer: u32,
    pub(super) command: u32,
    pub(super) block: u32,
    pub(super) item: u16,
}

thread_local! {
    static LAST: RefCell<Option<(Version, Option<Rc<Purchase>>)>> = const { RefCell::new(None) };
}

/// The purchase of this version of a row, read by whichever trigger of it comes first; `changed` says whether there is one to
/// look for.
pub(super) fn of_version(version: Version, changed: impl FnOnce() -> bool) -> Option<Rc<Purchase>> {
    let known =
        LAST.with_borrow(|last| last.as_ref().filter(|(known, _)| *known == version).map(|(_, found)| found.clone()));
    known.unwrap_or_else(|| {
        let found = changed().then(|| Purchase::find(pgrx::Uuid::from_bytes(version.payment)).map(Rc::new)).flatten();
        LAST.set(Some((version, found.clone())));
        found
    })
}

/// Something else decides on purchases: what was read before may be outdated.
pub(super) fn forget_version() {
    LAST.set(None);
}
