//! A purchase: a payment whose money arrived, what its local checkout session says was bought, and what was decided before.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use payments_core::Subject;
use payments_core::fulfillment::benefit::Benefit;
use payments_core::fulfillment::bought::{
    CatalogPrice, Invoiced, Told, contradiction, is_same, paid_once, shown, waiting,
};
use payments_core::fulfillment::grant::Purchased;
use payments_core::fulfillment::line_items::{Line, as_line_items, lines};
use payments_core::fulfillment::money::Money;
use payments_core::fulfillment::order::PaymentCandidate;
use payments_core::fulfillment::own::Own;
use payments_core::fulfillment::prior::{LINE_ITEMS, PriorFulfillment};
use payments_core::stripe::object::line_items::LineItems;
use pgrx::Uuid;
use serde::Deserialize;

use super::benefits;
use super::record::Decided;
use super::target::Target;
use super::target_kind::TargetKind;
use crate::pg::advisory_lock;
use crate::pg::statement::{Rows, query, text};
use crate::pg::uuid::uuid;

query!(FIND_PURCHASES, "fulfillment_purchase", "find_purchases");
query!(FIND_PRIORS, "fulfillment_purchase", "find_priors");
query!(ANSWERED_LINE_ITEMS, "fulfillment_purchase", "answered_line_items");
query!(ARE_PURCHASES, "fulfillment_purchase", "are_purchases");

/// A payment whose money arrived, with what its local checkout session says was bought.
#[derive(Debug, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "a row of a statement, whose columns these are")]
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
    went_live: bool,
    line_items: serde_json::Value,
    /// `payment_history.line_items`: what Stripe's own line items say.
    told: serde_json::Value,
    /// Whether it is of the first invoice of a subscription that was bought by a checkout session.
    pub(super) of_subscription: bool,
    /// `payment_history.invoice_lines` then.
    invoiced: serde_json::Value,
    /// The prices of that subscription's items.
    subscribed: Option<Vec<String>>,
    has_prior: bool,
    /// What was bought, once that is known.
    #[serde(skip)]
    lines: Vec<Line>,
    /// The same in words, if Stripe's line items differ from those that were asked for.
    #[serde(skip)]
    differing: Option<String>,
    #[serde(skip)]
    prior: Vec<PriorFulfillment>,
    #[serde(skip)]
    benefits: OnceCell<Vec<Benefit>>,
    #[serde(skip)]
    own: OnceCell<Own>,
}

/// A decision, and the purchase that it was on.
#[derive(Deserialize)]
struct Prior {
    payment: String,
    #[serde(flatten)]
    prior: PriorFulfillment,
}

/// Stripe's ids of payments, by which local sessions are found.
#[derive(Debug, Default)]
pub(super) struct PaidBy {
    pub(super) sessions: Vec<String>,
    pub(super) intents: Vec<String>,
}

impl PaidBy {
    /// Whether any local session was paid by them.
    pub(super) fn are_purchases(self) -> bool {
        ARE_PURCHASES.one::<bool>(&[self.sessions.into(), self.intents.into()]) == Some(true)
    }
}

impl Purchase {
    /// Reads those of the payments that are purchases of local sessions, in the order of the payments, each with its place.
    pub(super) fn find_all(payments: &[Uuid]) -> Vec<(usize, Rc<Self>)> {
        let places: HashMap<&[u8; 16], usize> = payments.iter().map(Uuid::as_bytes).zip(0..).collect();
        let mut found: Vec<Self> = FIND_PURCHASES.all(&[payments.to_vec().into()]);
        Self::read_priors(&mut found);
        found.iter_mut().for_each(Self::find_out);
        found.retain(|purchase| !purchase.of_subscription || !purchase.lines.is_empty() || !purchase.prior.is_empty());
        let place = |purchase: &Self| places.get(uuid(&purchase.payment).as_bytes()).copied();
        let mut in_order: Vec<(usize, Rc<Self>)> =
            found.into_iter().filter_map(|purchase| Some((place(&purchase)?, Rc::new(purchase)))).collect();
        in_order.sort_by_key(|(place, _)| *place);
        in_order
    }

    /// Reads the earlier decisions. Most purchases have none.
    fn read_priors(purchases: &mut [Self]) {
        let decided: Vec<&Self> = purchases.iter().filter(|purchase| purchase.has_prior).collect();
        if decided.is_empty() {
            return;
        }
        let rows = Rows::new(decided.len())
            .texts(decided.iter().map(|purchase| Some(purchase.source.as_str())))
            .texts(decided.iter().map(|purchase| Some(purchase.environment.as_str())))
            .times(decided.iter().map(|purchase| Some(purchase.money.paid_at)))
            .texts(decided.iter().map(|purchase| Some(purchase.payment.as_str())));
        // Two payments of one session are two purchases of one source, each with its own time.
        let mut priors: HashMap<String, Vec<PriorFulfillment>> = HashMap::new();
        for Prior { payment, prior } in FIND_PRIORS.all_of_rows(&rows) {
            priors.entry(payment).or_default().push(prior);
        }
        for purchase in purchases {
            purchase.prior = priors.remove(&purchase.payment).unwrap_or_default();
        }
    }

    pub(super) fn subject(&self) -> Option<Subject> {
        let (subject_type, subject_id) = self.subject_type.clone().zip(self.subject_id.clone())?;
        Some(Subject { subject_type, subject_id })
    }

    /// Whose credits and passes it buys: the session's subject, else the user who opened it.
    pub(super) fn holder(&self) -> Option<Subject> {
        let user = || Some(Subject { subject_type: "user".into(), subject_id: self.created_by.clone()? });
        self.subject().or_else(user)
    }

    /// The user who gets what one person owns: the subject where it is a user, else who opened the session.
    pub(super) fn user(&self) -> Option<&str> {
        match self.subject_type.as_deref() {
            Some("user") => self.subject_id.as_deref(),
            _ => self.created_by.as_deref(),
        }
    }

    /// Whether it is a test payment, and live is or was approved. Then what it gave can still be taken back, but it gives no more.
    fn is_revoke_only(&self) -> bool {
        self.environment == "test" && self.went_live
    }

    /// Finds out what was bought: Stripe's line items say it where they are known, else those that were asked for, unless the money
    /// contradicts them. Then it is not known, and nothing is given.
    fn find_out(&mut self) {
        let told = Told::of(&self.told);
        self.lines = match &told {
            Told::All(lines) => lines.clone(),
            _ => lines(&self.line_items),
        };
        if self.of_subscription {
            self.keep_paid_once(&told);
        } else if let Told::All(lines) = told {
            self.differing = (!is_same(&self.line_items, &lines)).then(|| shown(&lines));
        } else if let Some(why) = self.doubt(&told) {
            if let Some(lines) = self.answered() {
                self.differing = (!is_same(&self.line_items, &lines)).then(|| shown(&lines));
                self.lines = lines;
                self.benefits = OnceCell::new();
            } else {
                let session = self.stripe_checkout_session_id.as_deref();
                self.money.unknown_goods = Some(waiting(&why, &self.environment, session));
            }
        }
    }

    /// Of a subscription's session, what is paid once; its items give as long as it grants access.
    fn keep_paid_once(&mut self, told: &Told) {
        let invoiced = Invoiced::of(&self.invoiced);
        let once = |lines: Vec<Line>| {
            paid_once(lines, |price| self.catalog(price), invoiced.as_ref(), self.subscribed.as_deref())
        };
        let bought = once(self.lines.clone());
        let differing = match told {
            Told::All(_) => shown(&once(lines(&self.line_items))) != shown(&bought),
            _ => false,
        };
        self.differing = differing.then(|| shown(&bought));
        self.lines = bought;
        self.benefits = OnceCell::new();
    }

    /// Why what was asked for may not be what was bought.
    fn doubt(&self, told: &Told) -> Option<String> {
        if *told == Told::Part {
            return Some("only a part of Stripe's line items is known".to_owned());
        }
        self.money.subtotal?;
        contradiction(&self.line_items, &self.money, |price| self.catalog(price))
    }

    /// What the catalog says of the price of one of the lines.
    fn catalog(&self, price: &str) -> Option<&CatalogPrice> {
        self.benefits().iter().find(|benefit| benefit.price == price).and_then(|benefit| benefit.catalog.as_ref())
    }

    /// What Stripe answered of the line items when the session was made, if they come to what the session's items cost in the end.
    fn answered(&self) -> Option<Vec<Line>> {
        let answer = ANSWERED_LINE_ITEMS.one::<serde_json::Value>(&[text(self.source.as_str())])?;
        let items = LineItems::of_session(&answer.to_string()).ok().flatten()?;
        let is_all = !items.has_more && items.amount_subtotal.is_some() && items.amount_subtotal == self.money.subtotal;
        let is_one_currency = items.currency.is_none() || items.currency == self.money.currency;
        let told = Told::of(&serde_json::json!(items.lines));
        match told {
            Told::All(lines) if is_all && is_one_currency => Some(lines),
            _ => None,
        }
    }

    /// What was bought, as a session's `line_items` would write it.
    pub(super) fn bought(&self) -> serde_json::Value {
        if self.differing.is_some() { as_line_items(&self.lines) } else { self.line_items.clone() }
    }

    /// What its lines give now, of every kind, and what the catalog says of their prices.
    ///
    /// Before a new purchase reads a price that this backend does not know, it takes the price's lock, as whoever writes the price does: the
    /// second one sees what the first did. Nothing of this payment is written to a ledger yet, so nobody waits for us meanwhile. Whoever
    /// writes a price decides again on purchases that were decided before.
    pub(super) fn benefits(&self) -> &[Benefit] {
        self.benefits.get_or_init(|| {
            let lines: Vec<_> =
                self.lines.iter().map(|line| (line.price.clone(), line.quantity, line.product.clone())).collect();
            let is_new = self.prior.is_empty();
            benefits::of_lines(&self.environment, &lines, self.money.paid_at, |price| {
                if is_new {
                    advisory_lock::lock_shared(&price_lock(&self.environment, price));
                }
            })
        })
    }

    /// Whether a backend made its session: nobody is named as who opened it.
    pub(super) fn by_backend(&self) -> bool {
        self.created_by.is_none() && !self.guest
    }

    /// What its line items give by themselves; asked before anything is written as another role.
    pub(super) fn own(&self) -> &Own {
        self.own.get_or_init(|| {
            let decided_at = self.prior.iter().map(|prior| prior.decided_at).min();
            let kinds = [TargetKind::CreditLedger, TargetKind::UserEntitlements];
            let is_known = |prior: &PriorFulfillment| self.is_of_known_lines(prior);
            let prior = kinds.into_iter().flat_map(|kind| self.prior_of(kind)).filter(|prior| is_known(prior));
            Own::of(self.benefits(), decided_at, prior)
        })
    }

    /// What the plan for one table depends on. `no_holder`: why nobody can get it, if so.
    pub(super) fn purchased<'a>(
        &'a self,
        kind: TargetKind,
        target: &'a Target,
        no_holder: Option<&'static str>,
    ) -> Purchased<'a> {
        Purchased {
            source: &self.source,
            money: &self.money,
            prices: self.lines.iter().map(|line| line.price.as_str()).collect(),
            is_revoke_only: self.is_revoke_only(),
            no_holder,
            no_lapse: super::lapse::no_lapse(target),
            told: self.differing.as_deref(),
            line_items: self.prior_on(kind, target).find(|prior| prior.item == LINE_ITEMS),
            prior: self.prior_on(kind, target).filter(|prior| prior.item != LINE_ITEMS).collect(),
        }
    }

    /// Whether an earlier decision was made by the lines that are known now.
    fn is_of_known_lines(&self, prior: &PriorFulfillment) -> bool {
        let is_beside = |one: &&PriorFulfillment| {
            one.item == LINE_ITEMS && (&one.kind, &one.target_table) == (&prior.kind, &prior.target_table)
        };
        self.prior.iter().find(is_beside).and_then(|one| one.benefit_source.as_ref()) == self.differing.as_ref()
    }

    /// As one of the payments that name an order.
    pub(super) fn candidate(&self, target: &Target, key: &str) -> PaymentCandidate {
        PaymentCandidate {
            source: self.source.clone(),
            environment: self.environment.clone(),
            money: self.money.clone(),
            created_by: self.created_by.clone(),
            subject: self.subject(),
            line_items: self.bought(),
            told: self.differing.clone(),
            by_backend: self.by_backend(),
            own: if self.by_backend() { Own::Nothing } else { self.own().clone() },
            went_live: self.went_live,
            before: self.prior_on(TargetKind::Orders, target).find(|prior| prior.item == key).map(Into::into),
        }
    }

    /// What was decided on it.
    pub(super) fn decided<'a>(
        &'a self,
        kind: TargetKind,
        target: &'a Target,
        record: payments_core::fulfillment::record::Record,
    ) -> Decided<'a> {
        let is_first = self.prior.is_empty();
        Decided {
            environment: &self.environment,
            source: &self.source,
            kind,
            target: &target.relation,
            is_first,
            record,
        }
    }

    /// What was decided before on one table.
    pub(super) fn prior_on<'a>(
        &'a self,
        kind: TargetKind,
        target: &'a Target,
    ) -> impl Iterator<Item = &'a PriorFulfillment> {
        self.prior_of(kind).filter(move |prior| prior.target_table == target.relation)
    }

    /// What was decided before of one kind.
    pub(super) fn prior_of(&self, kind: TargetKind) -> impl Iterator<Item = &PriorFulfillment> {
        self.prior.iter().filter(move |prior| prior.kind == kind.name())
    }
}

/// What stands for a price among the locks.
pub(super) fn price_lock<'a>(environment: &'a str, price: &'a str) -> [&'a str; 3] {
    ["price", environment, price]
}
