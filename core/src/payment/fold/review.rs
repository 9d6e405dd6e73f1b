//! What a person is asked about a payment: money went back in another way than by a refund, or a card issuer warns of
//! fraud.

use serde::Serialize;

use super::group::Group;
use crate::payment::fact::PaymentObject;
use crate::payment::refunds::refunded;
use crate::stripe::object::credit_note::CreditNote;
use crate::stripe::object::fraud_warning::FraudWarning;
use crate::stripe::object::money_state::MoneyState;

/// What a person is asked, in the columns of `payments.fulfillments`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Review {
    /// `credit_note:cn_…` or `fraud_warning:issfr_…`.
    pub source: String,
    /// The invoice or the charge.
    pub item: String,
    /// Why a person is asked.
    pub reason: String,
    /// How much money it is about, in minor units.
    pub amount_due: Option<i64>,
    /// Lower-case ISO code.
    pub currency: Option<String>,
}

/// What a person is asked about a payment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reviews {
    /// The sources of all that a person could be asked.
    pub about: Vec<String>,
    /// What a person is asked now.
    pub rows: Vec<Review>,
}

impl Group<'_> {
    /// What a person is asked; `None` if no fact ever gave a reason to ask.
    pub(super) fn reviews(&self) -> Option<Reviews> {
        let of_notes = self.credit_notes.iter().map(|note| (of_note(note), self.of_credit_note(note)));
        let of_warnings = self.fraud_warnings.iter().map(|one| (of_warning(one), self.of_fraud_warning(one)));
        let (about, rows): (Vec<String>, Vec<Option<Review>>) = of_notes.chain(of_warnings).unzip();
        (!about.is_empty()).then(|| Reviews { about, rows: rows.into_iter().flatten().collect() })
    }

    fn of_credit_note(&self, note: &CreditNote) -> Option<Review> {
        let refunds = self.refunds.iter().filter_map(|history| match &history.newest.object {
            PaymentObject::Refund(refund) => Some(refund),
            _ => None,
        });
        let refunded = note.refund.as_ref().map(|id| refunds.clone().find(|refund| refund.id == *id)?.amount);
        let to_balance = note.to_balance.saturating_sub(refunded.flatten().unwrap_or(0)).max(0);
        let amount = to_balance.saturating_add(note.out_of_band);
        if note.is_void() || amount == 0 {
            return None;
        }
        let invoice = note.invoice.as_deref().unwrap_or("unknown");
        let currency = note.currency.as_deref().unwrap_or_default();
        let at_most = if refunded == Some(None) { "at most " } else { "" };
        let balance = (to_balance > 0).then(|| format!("{at_most}{to_balance} {currency} to the customer's balance"));
        let outside = (note.out_of_band > 0).then(|| format!("{} {currency} outside of Stripe", note.out_of_band));
        let went: Vec<String> = balance.into_iter().chain(outside).collect();
        let why = note.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        Some(Review {
            source: of_note(note),
            item: invoice.to_owned(),
            reason: format!(
                "of the paid invoice {invoice}, credit note {} returned {}{why}: no refund tells of it, so it took nothing back",
                note.id,
                went.join(" and ")
            ),
            amount_due: Some(amount),
            currency: note.currency.clone(),
        })
    }

    fn of_fraud_warning(&self, warning: &FraudWarning) -> Option<Review> {
        if !warning.actionable || self.is_disputed(warning) || self.is_back(warning) {
            return None;
        }
        let charge = warning.charge.as_deref().or(warning.payment_intent.as_deref()).unwrap_or("unknown");
        let known = self.charges.iter().find(|(one, _)| one.id == charge);
        let (amount, currency) = match known {
            Some((charge, _)) => (charge.charged(), charge.currency.clone()),
            None => self.amount(self.state()),
        };
        let why = warning.fraud_type.as_ref().map(|kind| format!(" ({kind})")).unwrap_or_default();
        Some(Review {
            source: of_warning(warning),
            item: charge.to_owned(),
            reason: format!("the card's issuer warns that {charge} may be fraud{why}: a dispute is likely to follow"),
            amount_due: amount,
            currency,
        })
    }

    /// Whether the charge was disputed.
    fn is_disputed(&self, warning: &FraudWarning) -> bool {
        let is_its =
            |charge: &Option<String>| charge.is_none() || warning.charge.is_none() || *charge == warning.charge;
        self.disputes.iter().any(|(dispute, _)| is_its(&dispute.charge))
    }

    /// Whether all the money of the charge, or of the payment, was refunded.
    fn is_back(&self, warning: &FraudWarning) -> bool {
        let of_charge = self.charges.iter().filter(|(charge, _)| Some(&charge.id) == warning.charge.as_ref()).any(
            |(charge, history)| {
                let is_its = |refund: &PaymentObject| match refund {
                    PaymentObject::Refund(refund) => refund.charge.as_ref().is_none_or(|id| *id == charge.id),
                    _ => false,
                };
                let refunds: Vec<_> =
                    self.refunds.iter().filter(|refund| is_its(&refund.newest.object)).cloned().collect();
                let back = refunded(std::slice::from_ref(history), &refunds);
                back.amount > 0 && back.charged.is_some_and(|charged| back.amount >= charged)
            },
        );
        let state = self.state();
        let (amount, currency) = self.amount(state);
        of_charge || state == MoneyState::Succeeded && self.returned(amount, currency.as_deref()).1
    }
}

fn of_note(note: &CreditNote) -> String {
    format!("credit_note:{}", note.id)
}

fn of_warning(warning: &FraudWarning) -> String {
    format!("fraud_warning:{}", warning.id)
}
