//! How much was charged, in which currency, and how much of it went back.

use super::Group;
use crate::payment::fact::State;
use crate::payment::refunds::{Told, refunded};
use crate::stripe::object::session::Session;

/// Minor units, and of which currency.
type Sum = (Option<i64>, Option<String>);

impl Group<'_> {
    /// What was charged and in which currency: the session's total, else what was received, charged, paid. Before the money
    /// is there, what was asked for.
    pub(super) fn amount(&self, state: State) -> Sum {
        let paid = state == State::Succeeded;
        let of_session = self.session().map(|s| (s.amount_total.map(|total| self.taken(total, s)), s.currency.clone()));
        let (of_intents, of_charges) = (self.of_intents(paid), self.of_charges(paid));
        let of_invoice = self
            .invoice()
            .map(|i| (if i.state == State::Succeeded { i.amount_paid } else { i.amount_due }, i.currency.clone()));
        let of_payment = self.of_invoice_payments(paid);
        let invoice_speaks = match self.session() {
            // Its session can total something else (a trial, a balance), but where the payer was shown another currency it
            // alone knows the app's.
            Some(session) => session.mode == "subscription" && session.presented.is_none(),
            // Several intents can pay one invoice, and we may not have heard of all.
            None => self.invoice().is_some_and(|invoice| {
                let received = of_intents.as_ref().or(of_charges.as_ref()).and_then(|(amount, _)| *amount);
                invoice.state == State::Succeeded && invoice.amount_paid > received
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

    /// What the intents received, once it is there: one that failed asked for another sum.
    fn of_intents(&self, paid: bool) -> Option<Sum> {
        let speaks = |state: State| !paid || state == State::Succeeded;
        let speaking = self.intents.iter().map(|(intent, _)| *intent).filter(|intent| speaks(intent.state));
        total(
            speaking.map(|intent| {
                let received = Some(intent.amount_received).filter(|received| paid && *received > 0);
                (received.or(intent.amount), intent.currency.clone())
            }),
            paid,
        )
    }

    /// What invoice payments say was paid by them; one that was cancelled says nothing.
    fn of_invoice_payments(&self, paid: bool) -> Option<Sum> {
        let speaks = |state: State| !paid || state == State::Succeeded;
        let payments = self.invoice_payments.iter().map(|(payment, _)| *payment);
        total(payments.filter(|p| speaks(p.state)).map(|p| (p.amount_paid, p.currency.clone())), paid)
    }

    /// The same of charges.
    fn of_charges(&self, paid: bool) -> Option<Sum> {
        let speaks = |state: State| !paid || state == State::Succeeded;
        let speaking = self.charges.iter().map(|(charge, _)| *charge).filter(|charge| speaks(charge.state));
        total(speaking.map(|charge| (charge.charged(), charge.currency.clone())), paid)
    }

    /// Of a session's total, what was taken: an authorization can be captured in part.
    fn taken(&self, total: i64, session: &Session) -> i64 {
        let intent = self.intent().filter(|intent| intent.state == State::Succeeded);
        let charge = self.charge().filter(|charge| charge.state == State::Succeeded);
        let taken = intent
            .and_then(|intent| Some((intent.amount_received, intent.amount?, &intent.currency)))
            .or_else(|| charge.and_then(|charge| Some((charge.charged()?, charge.amount?, &charge.currency))));
        match taken {
            Some((taken, asked, currency)) if session.currency == *currency => {
                if asked == total && 0 < taken && taken < asked { taken } else { total }
            }
            _ => total,
        }
    }

    /// How much less than the checkout session asked for was received, in minor units of the intent's currency; `None` where it was
    /// all, or can't be compared. An invoice settles by more than money (a balance, a credit note), so what has one is paid when that
    /// says so.
    pub(super) fn shortfall(&self, state: State) -> Option<i64> {
        let session = self.session().filter(|session| {
            session.mode != "subscription" && session.payment_status.as_deref() != Some("no_payment_required")
        })?;
        if state != State::Succeeded || self.intent_id().is_none() || self.invoice_id().is_some() {
            return None;
        }
        let (received, currency) = self.received()?;
        let asked = session.total_in(&currency)?;
        (received < asked).then(|| asked - received)
    }

    /// What the intents received, or where none tells, what was captured.
    fn received(&self) -> Option<(i64, String)> {
        let intents = self.intents.iter().map(|(intent, _)| *intent).filter(|intent| intent.state == State::Succeeded);
        let charges = self.charges.iter().map(|(charge, _)| *charge).filter(|charge| charge.state == State::Succeeded);
        let of_intents = total(intents.map(|intent| (Some(intent.amount_received), intent.currency.clone())), true);
        let of_charges = || total(charges.map(|charge| (charge.charged(), charge.currency.clone())), true);
        let (received, currency) = of_intents.or_else(of_charges)?;
        received.zip(currency)
    }

    /// What went back in the payment's own currency, whether that is all of it, and since when. Where the charge is in
    /// another currency (the payer's, under Adaptive Pricing), the same share of the amount went back.
    pub(super) fn overlay(&self, amount: Option<i64>, currency: Option<&str>) -> (i64, bool, Option<i64>) {
        let charges: Vec<Told> = self.charges.iter().map(|(_, told)| told.clone()).collect();
        let back = refunded(&charges, &self.refunds);
        let charge = self.charge().and_then(|charge| Some((back.of?, charge.currency.as_deref()?)));
        let intent = self.intent().and_then(|intent| Some((intent.amount_received, intent.currency.as_deref()?)));
        let session = self.session().and_then(|session| session.presented.as_ref());
        let shown = session.map(|(total, currency)| (*total, currency.as_str()));
        let refunded = match (amount, charge.or(intent).or(shown)) {
            (Some(amount), Some((of, charged_in))) if Some(charged_in) != currency && of > 0 => {
                i64::try_from(i128::from(amount) * i128::from(back.amount) / i128::from(of)).unwrap_or(amount)
            }
            _ => back.amount,
        };
        let fully = refunded > 0 && amount.is_some_and(|amount| refunded >= amount);
        (refunded, fully, back.at)
    }
}

/// The first, or of money that arrived the sum of all that are in the first's currency.
fn total(mut sums: impl Iterator<Item = Sum>, paid: bool) -> Option<Sum> {
    let first = sums.next()?;
    if !paid {
        return Some(first);
    }
    let same = sums.filter(|(_, currency)| *currency == first.1).filter_map(|(amount, _)| amount);
    Some((first.0.map(|amount| same.fold(amount, i64::saturating_add)), first.1.clone()))
}
