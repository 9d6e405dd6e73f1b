//! What was really bought, as far as Stripe's own line items say it.

use serde_json::{Value, json};

use super::group::Group;
use crate::payment::fact::{Fact, PaymentObject};
use crate::snapshot::newest;
use crate::stripe::object::line_items::LineItems;
use crate::stripe::object::session::Session;

impl Group<'_> {
    /// The line items of the session: an array of `{price, quantity, product, recurring}` where all of them are known,
    /// an object that says `has_more` where only a part is, `None` where Stripe has said nothing of them.
    ///
    /// The payer can change what an open session sells. So what was seen of it while it was open counts only if it comes
    /// to the subtotal that the session has in the end.
    pub(super) fn bought(&self) -> Option<Value> {
        let session = self.session()?;
        let looks = self.line_items.iter().filter(|(items, _)| items.session == session.id);
        let looks: Vec<&Fact> = looks.flat_map(|(_, history)| history.facts.iter().copied()).collect();
        let of_end = |fact: &&Fact| read(fact).is_some_and(|items| is_of_end(items, session));
        if let Some(items) = newest(looks.iter().copied().filter(of_end)).and_then(read) {
            return Some(json!(items.lines));
        }
        let is_part = |fact: &&Fact| read(fact).is_some_and(|items| items.is_final() || items.status.is_none());
        looks.iter().any(is_part).then(|| json!({"has_more": true}))
    }
}

fn read(fact: &Fact) -> Option<&LineItems> {
    match &fact.object {
        PaymentObject::LineItems(items) => Some(items),
        _ => None,
    }
}

/// Whether these are all lines of the session, as it was completed.
fn is_of_end(items: &LineItems, session: &Session) -> bool {
    if items.has_more {
        return false;
    }
    if items.is_final() {
        return true;
    }
    let is_one_currency = items.currency.is_none() || session.currency.is_none() || items.currency == session.currency;
    match (items.amount_subtotal, session.amount_subtotal) {
        (Some(sum), Some(subtotal)) if is_one_currency => sum == subtotal,
        // A page that can't be compared: it was asked for to learn what was bought.
        _ => items.status.is_none(),
    }
}
