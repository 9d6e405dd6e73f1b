//! The facts of one payment by the kind of their object, and what they say together.

use crate::payment::adopted::AdoptedPayment;
use crate::payment::context::Context;
use crate::payment::fact::{Fact, PaymentObject};
use crate::payment::object_history::{ObjectHistory, by_object};
use crate::stripe::object::Origin;
use crate::stripe::object::charge::Charge;
use crate::stripe::object::credit_note::CreditNote;
use crate::stripe::object::dispute::Dispute;
use crate::stripe::object::fraud_warning::FraudWarning;
use crate::stripe::object::invoice::Invoice;
use crate::stripe::object::invoice_line::{FetchedLines, InvoiceLines};
use crate::stripe::object::invoice_payment::InvoicePayment;
use crate::stripe::object::line_items::LineItems;
use crate::stripe::object::money_state::MoneyState;
use crate::stripe::object::payment_intent::Intent;
use crate::stripe::object::session::Session;
use crate::subject::Subject;

/// The facts of one payment by the kind of their object: each object once, with its newest snapshot and its history.
pub(super) struct Group<'a> {
    pub(super) sessions: Vec<(&'a Session, ObjectHistory<'a>)>,
    pub(super) intents: Vec<(&'a Intent, ObjectHistory<'a>)>,
    pub(super) charges: Vec<(&'a Charge, ObjectHistory<'a>)>,
    pub(super) invoices: Vec<(&'a Invoice, ObjectHistory<'a>)>,
    pub(super) invoice_payments: Vec<(&'a InvoicePayment, ObjectHistory<'a>)>,
    pub(super) refunds: Vec<ObjectHistory<'a>>,
    pub(super) disputes: Vec<(&'a Dispute, ObjectHistory<'a>)>,
    pub(super) adopted: Vec<&'a AdoptedPayment>,
    pub(super) line_items: Vec<(&'a LineItems, ObjectHistory<'a>)>,
    fetched_lines: Vec<(&'a FetchedLines, ObjectHistory<'a>)>,
    pub(super) credit_notes: Vec<&'a CreditNote>,
    pub(super) fraud_warnings: Vec<&'a FraudWarning>,
}

impl<'a> Group<'a> {
    pub(super) fn of(facts: &'a [Fact]) -> Self {
        let mut group = Self {
            sessions: Vec::new(),
            intents: Vec::new(),
            charges: Vec::new(),
            invoices: Vec::new(),
            invoice_payments: Vec::new(),
            refunds: Vec::new(),
            disputes: Vec::new(),
            adopted: Vec::new(),
            line_items: Vec::new(),
            fetched_lines: Vec::new(),
            credit_notes: Vec::new(),
            fraud_warnings: Vec::new(),
        };
        for history in by_object(facts) {
            match &history.newest.object {
                PaymentObject::CheckoutSession(session) => group.sessions.push((session, history)),
                PaymentObject::PaymentIntent(intent) => group.intents.push((intent, history)),
                PaymentObject::Charge(charge) => group.charges.push((charge, history)),
                PaymentObject::Invoice(invoice) => group.invoices.push((invoice, history)),
                PaymentObject::InvoicePayment(payment) => group.invoice_payments.push((payment, history)),
                PaymentObject::Refund(_) => group.refunds.push(history),
                PaymentObject::Dispute(dispute) => group.disputes.push((dispute, history)),
                PaymentObject::AdoptedPayment(payment) => group.adopted.push(payment),
                PaymentObject::LineItems(items) => group.line_items.push((items, history)),
                PaymentObject::InvoiceLines(lines) => group.fetched_lines.push((lines, history)),
                PaymentObject::CreditNote(note) => group.credit_notes.push(note),
                PaymentObject::FraudWarning(warning) => group.fraud_warnings.push(warning),
            }
        }
        // The first of each kind decides what the payment's row says.
        group.sessions.sort_by_key(|(session, history)| speaking_order(history, session.created, &session.id));
        group.intents.sort_by_key(|(intent, history)| speaking_order(history, intent.created, &intent.id));
        group.charges.sort_by_key(|(charge, history)| speaking_order(history, charge.created, &charge.id));
        group.invoices.sort_by_key(|(invoice, history)| speaking_order(history, invoice.created, &invoice.id));
        group
            .adopted
            .sort_by_key(|row| (row.state() != MoneyState::Succeeded, row.stripe_created_at, row.row.as_str()));
        group
    }

    pub(super) fn session(&self) -> Option<&'a Session> {
        self.sessions.first().map(|(session, _)| *session)
    }
    pub(super) fn intent(&self) -> Option<&'a Intent> {
        self.intents.first().map(|(intent, _)| *intent)
    }
    pub(super) fn charge(&self) -> Option<&'a Charge> {
        self.charges.first().map(|(charge, _)| *charge)
    }
    pub(super) fn invoice(&self) -> Option<&'a Invoice> {
        self.invoices.first().map(|(invoice, _)| *invoice)
    }

    /// The payment's row that another backend wrote.
    pub(super) fn adopted(&self) -> Option<&'a AdoptedPayment> {
        self.adopted.first().copied()
    }

    /// The histories of all Stripe objects that say whether the money arrived.
    pub(super) fn money(&self) -> impl Iterator<Item = &ObjectHistory<'a>> {
        let sessions = self.sessions.iter().map(|(_, history)| history);
        let intents = self.intents.iter().map(|(_, history)| history);
        let charges = self.charges.iter().map(|(_, history)| history);
        let invoices = self.invoices.iter().map(|(_, history)| history);
        let payments = self.invoice_payments.iter().map(|(_, history)| history);
        sessions.chain(intents).chain(charges).chain(invoices).chain(payments)
    }

    /// Whether the facts are a payment yet. An intent or a charge alone could belong to a subscription's invoice. It
    /// waits for a session, an invoice, an invoice payment or the row of another backend, unless its metadata says that
    /// it comes from a one-time checkout of ours. A subscription's session or a canceled invoice payment is no payment
    /// alone, but with an intent or charge it is one. Every snapshot counts, not only the newest: a payment stays a
    /// payment.
    pub(super) fn is_claimed(&self) -> bool {
        let joined = !(self.intents.is_empty() && self.charges.is_empty());
        let is_ours = |origin: &Origin| origin.checkout_mode.as_deref() == Some("payment");
        let mut told = self.money().flat_map(|history| &history.facts);
        let is_told = told.any(|fact| match &fact.object {
            PaymentObject::CheckoutSession(session) => {
                let claims = session.mode == "payment" || (session.mode == "subscription" && joined);
                claims && session.state != MoneyState::None
            }
            PaymentObject::Invoice(invoice) => invoice.state != MoneyState::None,
            PaymentObject::InvoicePayment(payment) => joined || payment.state != MoneyState::None,
            PaymentObject::PaymentIntent(intent) => is_ours(&intent.origin),
            PaymentObject::Charge(charge) => is_ours(&charge.origin),
            PaymentObject::Refund(_)
            | PaymentObject::Dispute(_)
            | PaymentObject::AdoptedPayment(_)
            | PaymentObject::LineItems(_)
            | PaymentObject::InvoiceLines(_)
            | PaymentObject::CreditNote(_)
            | PaymentObject::FraudWarning(_) => false,
        });
        is_told || !self.adopted.is_empty()
    }

    /// The greatest state of all objects, at least pending. A charge that has not succeeded counts only without an
    /// intent: the payer may try again, and then the intent's state decides.
    pub(super) fn state(&self) -> MoneyState {
        let counts = |history: &&ObjectHistory| {
            self.intents.is_empty()
                || history.state() == MoneyState::Succeeded
                || !matches!(history.newest.object, PaymentObject::Charge(_))
        };
        let states = self.money().filter(counts).map(ObjectHistory::state);
        states
            .chain(self.adopted.iter().map(|row| row.state()))
            .max()
            .unwrap_or(MoneyState::None)
            .max(MoneyState::Pending)
    }

    /// `sub_…`: the invoice's, otherwise the session's.
    pub(super) fn subscription(&self) -> Option<&'a str> {
        let of_invoice = self.invoices.iter().find_map(|(invoice, _)| invoice.subscription.as_deref());
        of_invoice.or_else(|| self.sessions.iter().find_map(|(session, _)| session.subscription.as_deref()))
    }

    pub(super) fn customer(&self) -> Option<&'a str> {
        let session = self.sessions.iter().find_map(|(session, _)| session.customer.as_deref());
        session
            .or_else(|| self.intents.iter().find_map(|(intent, _)| intent.customer.as_deref()))
            .or_else(|| self.charges.iter().find_map(|(charge, _)| charge.customer.as_deref()))
            .or_else(|| self.invoices.iter().find_map(|(invoice, _)| invoice.customer.as_deref()))
    }

    pub(super) fn subject(&self, context: &Context) -> Option<Subject> {
        let local = self.sessions.iter().find_map(|(s, _)| context.locals.get(&s.id)?.subject.clone());
        local
            .or_else(|| self.sessions.iter().find_map(|(session, _)| session.origin.subject.clone()))
            .or_else(|| self.intents.iter().find_map(|(intent, _)| intent.origin.subject.clone()))
            .or_else(|| self.charges.iter().find_map(|(charge, _)| charge.origin.subject.clone()))
            .or_else(|| context.subscriptions.get(self.subscription()?).cloned())
            .or_else(|| self.invoices.iter().find_map(|(invoice, _)| invoice.subscription_subject.clone()))
            .or_else(|| self.invoices.iter().find_map(|(invoice, _)| invoice.origin.subject.clone()))
            .or_else(|| context.customers.get(self.customer()?).cloned())
    }

    pub(super) fn email(&self) -> Option<String> {
        let session = self.sessions.iter().find_map(|(session, _)| session.email.clone());
        session
            .or_else(|| self.intents.iter().find_map(|(intent, _)| intent.email.clone()))
            .or_else(|| self.charges.iter().find_map(|(charge, _)| charge.email.clone()))
            .or_else(|| self.invoices.iter().find_map(|(invoice, _)| invoice.email.clone()))
    }

    /// When the money arrived, in Unix seconds: as the invoice says, otherwise when an event first reported success.
    pub(super) fn paid_at(&self) -> Option<i64> {
        let of_invoice = self.invoices.iter().filter_map(|(invoice, _)| invoice.paid_at).min();
        let of_payment = || self.invoice_payments.iter().filter_map(|(payment, _)| payment.paid_at).min();
        let by_invoice = of_invoice.or_else(of_payment);
        let by_event = |history: &&ObjectHistory| {
            history.facts.iter().any(|fact| !fact.is_sync() && fact.object.state() == MoneyState::Succeeded)
        };
        let first = |history: &ObjectHistory| history.first_time_in(MoneyState::Succeeded);
        // If only a backfill reported success, an object's own `created` must do. A charge is made when the money
        // arrives, an intent or a session earlier.
        by_invoice
            .or_else(|| self.money().filter(by_event).filter_map(first).min())
            .or_else(|| self.charges.iter().filter_map(|(_, history)| first(history)).min())
            .or_else(|| self.intents.iter().filter_map(|(_, history)| first(history)).min())
            .or_else(|| self.money().filter_map(first).min())
    }

    pub(super) fn charge_id(&self) -> Option<String> {
        let good = self
            .charges
            .iter()
            .find(|(_, history)| history.state() == MoneyState::Succeeded)
            .map(|(c, _)| c.id.clone());
        good.or_else(|| self.intents.iter().find_map(|(intent, _)| intent.latest_charge.clone()))
            .or_else(|| self.invoices.iter().find_map(|(invoice, _)| invoice.charges.first().cloned()))
            .or_else(|| self.invoice_payments.iter().find_map(|(payment, _)| payment.charge.clone()))
            .or_else(|| self.charge().map(|charge| charge.id.clone()))
            .or_else(|| self.refunds.iter().find_map(|history| refund_ids(history).0))
            .or_else(|| self.disputes.iter().find_map(|(dispute, _)| dispute.charge.clone()))
    }

    pub(super) fn intent_id(&self) -> Option<String> {
        let intent = self.intent().map(|intent| intent.id.clone());
        intent
            .or_else(|| self.sessions.iter().find_map(|(session, _)| session.payment_intent.clone()))
            .or_else(|| self.charges.iter().find_map(|(charge, _)| charge.payment_intent.clone()))
            .or_else(|| self.invoices.iter().find_map(|(invoice, _)| invoice.payment_intents.first().cloned()))
            .or_else(|| self.invoice_payments.iter().find_map(|(payment, _)| payment.payment_intent.clone()))
            .or_else(|| self.refunds.iter().find_map(|history| refund_ids(history).1))
            .or_else(|| self.disputes.iter().find_map(|(dispute, _)| dispute.payment_intent.clone()))
    }

    pub(super) fn invoice_id(&self) -> Option<String> {
        let invoice = self.invoice().map(|invoice| invoice.id.clone());
        invoice
            .or_else(|| self.sessions.iter().find_map(|(session, _)| session.invoice.clone()))
            .or_else(|| self.invoice_payments.iter().find_map(|(payment, _)| payment.invoice.clone()))
            .or_else(|| self.intents.iter().find_map(|(intent, _)| intent.invoice.clone()))
            .or_else(|| self.charges.iter().find_map(|(charge, _)| charge.invoice.clone()))
    }

    /// The lines of a subscription's invoice once it is finalized. If a snapshot says that it is paid, only such
    /// snapshots count. These lines do not change. So the newest snapshot with all lines counts; otherwise lines that
    /// were fetched by themselves; otherwise the newest snapshot with some lines.
    pub(super) fn invoice_lines(&self) -> Option<InvoiceLines> {
        let (newest, history) = self.invoices.first()?;
        newest.subscription.as_ref()?;
        let invoices = history.facts.iter().rev().filter_map(|fact| match &fact.object {
            PaymentObject::Invoice(invoice) => Some(invoice),
            _ => None,
        });
        let (paid, unpaid): (Vec<_>, Vec<_>) = invoices.partition(|invoice| invoice.state == MoneyState::Succeeded);
        let is_unpaid = paid.is_empty();
        let told = if is_unpaid { unpaid } else { paid };
        let told: Vec<&InvoiceLines> = told.into_iter().map(|invoice| &invoice.lines).collect();
        let tells = || told.iter().filter(|lines| !lines.is_empty());
        let all = tells().find(|lines| !lines.has_more).copied();
        let some = tells().next().or(told.first()).copied().filter(|lines| !(is_unpaid && lines.is_empty()))?;
        let fetched = self.fetched_lines.iter().filter(|(fetched, _)| fetched.invoice == newest.id);
        let fetched = fetched.map(|(fetched, _)| *fetched).find(|fetched| some.has_more && fetched.completes(some));
        let lines = all.or(fetched.map(|fetched| &fetched.lines)).unwrap_or(some).clone();
        Some(InvoiceLines { unpaid: is_unpaid, ..lines })
    }

    pub(super) fn description(&self) -> Option<String> {
        let intent = self.intents.iter().find_map(|(intent, _)| intent.description.clone());
        intent
            .or_else(|| self.charges.iter().find_map(|(charge, _)| charge.description.clone()))
            .or_else(|| self.invoices.iter().find_map(|(invoice, _)| invoice.description.clone()))
    }

    /// The status of the worst dispute: a lost one, then an open one, then one that was closed without a loss.
    pub(super) fn dispute_status(&self) -> Option<String> {
        let weight = |status: &str| match status {
            "lost" => 3,
            status if status.starts_with("appeal_") => 3,
            "won" | "warning_closed" | "prevented" => 1,
            _ => 2,
        };
        let statuses = self.disputes.iter().map(|(dispute, _)| dispute.status.as_str());
        statuses.max_by_key(|status| (weight(status), *status)).map(ToOwned::to_owned)
    }

    /// What lost disputes took, in minor units of the payment's currency, and whether one took something in another;
    /// `None` if none was lost.
    pub(super) fn lost(&self, currency: Option<&str>) -> (Option<i64>, bool) {
        let lost: Vec<&Dispute> =
            self.disputes.iter().map(|(dispute, _)| *dispute).filter(|dispute| dispute.is_lost()).collect();
        let is_ours = |dispute: &Dispute| {
            dispute.currency.is_none() || currency.is_none() || dispute.currency.as_deref() == currency
        };
        let (ours, foreign): (Vec<&Dispute>, Vec<&Dispute>) = lost.iter().partition(|dispute| is_ours(dispute));
        let sum = (!lost.is_empty()).then(|| ours.into_iter().map(Dispute::lost).sum());
        (sum, foreign.into_iter().any(|dispute| dispute.lost() > 0))
    }

    pub(super) fn stripe_created_at(&self) -> Option<i64> {
        let session = self.session().and_then(|session| session.created);
        session
            .or(self.intent().and_then(|intent| intent.created))
            .or(self.charge().and_then(|charge| charge.created))
            .or(self.invoice().and_then(|invoice| invoice.created))
            .or(self.invoice_payments.first().and_then(|(payment, _)| payment.created))
    }
}

/// Objects that succeeded come first, then those that were made first.
fn speaking_order(history: &ObjectHistory, created: Option<i64>, id: &str) -> (bool, bool, Option<i64>, String) {
    (history.state() != MoneyState::Succeeded, created.is_none(), created, id.to_owned())
}

fn refund_ids(history: &ObjectHistory) -> (Option<String>, Option<String>) {
    match &history.newest.object {
        PaymentObject::Refund(refund) => (refund.charge.clone(), refund.payment_intent.clone()),
        _ => (None, None),
    }
}
