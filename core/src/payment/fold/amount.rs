//! How much was charged, in which currency, and how much of it was returned.

use super::group::Group;
use crate::payment::adopted::AdoptedPayment;
use crate::payment::object_history::ObjectHistory;
use crate::payment::refunds::refunded;
use crate::stripe::object::money_state::MoneyState;
use crate::stripe::object::session::Session;

/// An amount in minor units, and its currency.
type Sum = (Option<i64>, Option<String>);

impl Group<'_> {
    /// What was charged, and in which currency: what the session's total, the intents, the charges, the invoice or the
    /// invoice payments say. The first of these that has an amount counts; the invoice comes first in two cases. Before
    /// the money arrives, what was requested.
    pub(super) fn amount(&self, state: MoneyState) -> Sum {
        let paid = state == MoneyState::Succeeded;
        let of_session = self.session().map(|s| (s.amount_total.map(|total| self.taken(total, s)), s.currency.clone()));
        let (of_intents, of_charges) = (self.of_intents(paid), self.of_charges(paid));
        let of_invoice = self
            .invoice()
            .map(|i| (if i.state == MoneyState::Succeeded { i.amount_paid } else { i.amount_due }, i.currency.clone()));
        let of_payment = self.of_invoice_payments(paid);
        let invoice_speaks = match self.session() {
            // The total of a subscription's session can differ from what was charged (a trial, a balance). But if the
            // payer was shown another currency, only the session has the amount in the app's own.
            Some(session) => session.mode == "subscription" && session.presented.is_none(),
            // Several intents can pay one invoice, and some may be unknown here.
            None => self.invoice().is_some_and(|invoice| {
                let received = of_intents.as_ref().or(of_charges.as_ref()).and_then(|(amount, _)| *amount);
                invoice.state == MoneyState::Succeeded && invoice.amount_paid > received
            }),
        };
        let sources = if invoice_speaks {
            [of_invoice, of_intents, of_charges, of_session, of_payment]
        } else {
            [of_session, of_intents, of_charges, of_invoice, of_payment]
        };
        let said: Vec<_> = sources.into_iter().flatten().collect();
        let spoken = said.iter().find(|(amount, _)| amount.is_some()).or(said.first()).cloned();
        spoken.unwrap_or((None, None))
    }

    /// What the session's items cost before discounts and tax, in minor units; `None` if not its whole total was
    /// charged.
    pub(super) fn subtotal(&self, charged: Option<i64>) -> Option<i64> {
        let session =
            self.session().filter(|session| session.amount_total.is_some() && session.amount_total == charged)?;
        session.amount_subtotal
    }

    /// What the intents received once the money arrived; before that, what the first one requested.
    fn of_intents(&self, paid: bool) -> Option<Sum> {
        let speaking = self.intents.iter().map(|(intent, _)| *intent).filter(|intent| counts(intent.state, paid));
        total(
            speaking.map(|intent| {
                let received = Some(intent.amount_received).filter(|received| paid && *received > 0);
                (received.or(intent.amount), intent.currency.clone())
            }),
            paid,
        )
    }

    /// What invoice payments paid. Once the money arrived, only paid ones count.
    fn of_invoice_payments(&self, paid: bool) -> Option<Sum> {
        let payments = self.invoice_payments.iter().map(|(payment, _)| *payment);
        total(payments.filter(|p| counts(p.state, paid)).map(|p| (p.amount_paid, p.currency.clone())), paid)
    }

    /// What was charged.
    fn of_charges(&self, paid: bool) -> Option<Sum> {
        let speaking = self.charges.iter().map(|(charge, _)| *charge).filter(|charge| counts(charge.state, paid));
        total(speaking.map(|charge| (charge.charged(), charge.currency.clone())), paid)
    }

    /// How much of a session's total was taken: an authorization can be captured in part.
    fn taken(&self, total: i64, session: &Session) -> i64 {
        let intent = self.intent().filter(|intent| intent.state == MoneyState::Succeeded);
        let charge = self.charge().filter(|charge| charge.state == MoneyState::Succeeded);
        let taken = intent
            .and_then(|intent| Some((intent.amount_received, intent.amount?, &intent.currency)))
            .or_else(|| charge.and_then(|charge| Some((charge.charged()?, charge.amount?, &charge.currency))));
        match taken {
            Some((taken, asked, currency)) if session.currency == *currency => {
                if asked == total && (1..asked).contains(&taken) { taken } else { total }
            }
            _ => total,
        }
    }

    /// How much less was received than the checkout session requested, in minor units of the intent's currency; `None`
    /// if all was received, or if the two can't be compared. An invoice can also be settled by a balance or a credit
    /// note, so a payment with an invoice has no shortfall.
    pub(super) fn shortfall(&self, state: MoneyState) -> Option<i64> {
        let session = self.session().filter(|session| {
            session.mode != "subscription" && session.payment_status.as_deref() != Some("no_payment_required")
        })?;
        if state != MoneyState::Succeeded || self.intent_id().is_none() || self.invoice_id().is_some() {
            return None;
        }
        let (received, currency) = self.received()?;
        let asked = session.total_in(&currency)?;
        (received < asked).then(|| asked - received)
    }

    /// What the intents received; without an intent, what was captured.
    fn received(&self) -> Option<(i64, String)> {
        let intents =
            self.intents.iter().map(|(intent, _)| *intent).filter(|intent| intent.state == MoneyState::Succeeded);
        let charges =
            self.charges.iter().map(|(charge, _)| *charge).filter(|charge| charge.state == MoneyState::Succeeded);
        let of_intents = total(intents.map(|intent| (Some(intent.amount_received), intent.currency.clone())), true);
        let of_charges = || total(charges.map(|charge| (charge.charged(), charge.currency.clone())), true);
        let (received, currency) = of_intents.or_else(of_charges)?;
        received.zip(currency)
    }

    /// What was refunded in the payment's own currency, whether that is all of it, and when the first refund succeeded.
    /// If the charge is in another currency (the payer's, under Adaptive Pricing), the same share of the amount was
    /// refunded. If another backend recorded more, that counts.
    pub(super) fn returned(&self, amount: Option<i64>, currency: Option<&str>) -> (i64, bool, Option<i64>) {
        let charges: Vec<ObjectHistory> = self.charges.iter().map(|(_, history)| history.clone()).collect();
        let back = refunded(&charges, &self.refunds);
        let charge = self.charge().and_then(|charge| Some((back.charged?, charge.currency.as_deref()?)));
        let intent = self.intent().and_then(|intent| Some((intent.amount_received, intent.currency.as_deref()?)));
        let session = self.session().and_then(|session| session.presented.as_ref());
        let shown = session.map(|(total, currency)| (*total, currency.as_str()));
        let refunded = match (amount, charge.or(intent).or(shown)) {
            (Some(amount), Some((of, charged_in))) if Some(charged_in) != currency && of > 0 => {
                i64::try_from(i128::from(amount) * i128::from(back.amount) / i128::from(of)).unwrap_or(amount)
            }
            _ => back.amount,
        };
        let (before, all) = self.adopted().map_or((0, false), AdoptedPayment::refunded);
        let refunded = refunded.max(before);
        let at = back.at.or_else(|| self.adopted().and_then(|row| row.refunded_at));
        let fully = all || refunded > 0 && amount.is_some_and(|amount| refunded >= amount);
        (refunded, fully, at)
    }
}

/// Whether an object's amount counts: once the money arrived, only if the object succeeded.
fn counts(state: MoneyState, paid: bool) -> bool {
    !paid || state == MoneyState::Succeeded
}

/// The first sum; once `paid`, the total of all sums in the first one's currency.
fn total(mut sums: impl Iterator<Item = Sum>, paid: bool) -> Option<Sum> {
    let first = sums.next()?;
    if !paid {
        return Some(first);
    }
    let same = sums.filter(|(_, currency)| *currency == first.1).filter_map(|(amount, _)| amount);
    Some((first.0.map(|amount| same.fold(amount, i64::saturating_add)), first.1.clone()))
}
