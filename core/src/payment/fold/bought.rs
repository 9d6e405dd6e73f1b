//! What was really bought, as far as Stripe's own line items say it.

use serde_json::{Value, json};

use super::group::Group;
use crate::payment::fact::{Fact, PaymentObject};
use crate::snapshot::newest;
use crate::stripe::object::line_items::LineItems;
use crate::stripe::object::session::Session;

impl Group<'_> {
    /// The line items of the session: an array of `{price, quantity, product, recurring}` if all are known, an object
    /// that says `has_more` if only some are or if they do not match the session's subtotal, `None` if none count.
    ///
    /// The payer can change the line items of an open session. So line items that were fetched while it was open count
    /// only if their sum is the final subtotal of the session.
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

/// Whether these are all line items of the session, as it was completed.
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
        // These can't be compared. A page counts: it was fetched to learn what was bought.
        _ => items.status.is_none(),
    }
}
