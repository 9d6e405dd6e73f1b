//! Money that went back of a subscription that goes on stands in `payments.review` until the subscription ends.

use payments_core::fulfillment::money::Money;
use payments_core::fulfillment::record::Record;
use payments_core::fulfillment::returned::of_invoice;
use serde::Deserialize;

use super::record::{Decided, delete, save};
use super::target_kind::TargetKind;
use crate::pg::advisory_lock;
use crate::pg::statement::{query, text};

query!(FIND_RETURNED, "fulfillment_returned", "find_returned");

/// The table that such a decision is about.
const TARGET: &str = "payments.subscriptions";

/// A subscription's invoices whose money went back, in full or in part.
#[derive(Deserialize)]
struct Returned {
    gives_access: bool,
    invoices: Option<Vec<Invoice>>,
    /// The invoices that a person was asked about.
    asked: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Invoice {
    invoice: String,
    money: Money,
}

/// Asks for a review of the money that went back of these subscriptions, if they still give access. Each has its environment.
///
/// An invoice and its subscription may change at once: the second sees what the first wrote.
pub(super) fn review(subscriptions: &[(String, String)]) {
    for (environment, id) in subscriptions {
        advisory_lock::lock(&["returned", environment, id]);
        if let Some(returned) = FIND_RETURNED.one::<Returned>(&[text(environment.as_str()), text(id.as_str())]) {
            decide(environment, &format!("subscription:{id}"), &returned);
        }
    }
}

fn decide(environment: &str, source: &str, returned: &Returned) {
    let kind = TargetKind::Subscriptions;
    let records: Vec<Record> = returned
        .invoices
        .iter()
        .flatten()
        .filter_map(|one| Some(Record::new(&one.invoice, of_invoice(&one.money, returned.gives_access)?)))
        .collect();
    for asked in returned.asked.iter().flatten() {
        if records.iter().all(|record| record.item != *asked) {
            let other = if environment == "test" { "live" } else { "test" };
            delete(source, kind, TARGET, asked, Some(other));
        }
    }
    let decided = |record| Decided { environment, source, kind, target: TARGET, is_first: false, record };
    save(&records.into_iter().map(decided).collect::<Vec<Decided>>());
}
