//! What was decided, in `payments.fulfillments`.

use payments_core::fulfillment::record::Record;

use super::target_kind::TargetKind;
use crate::pg::savepoint::Failure;
use crate::pg::statement::{Rows, query, text};
use crate::pg::time::time;

query!(INSERT_FULFILLMENTS, "fulfillment_record", "insert_fulfillments");
query!(RECORD_FULFILLMENTS, "fulfillment_record", "record_fulfillments");
query!(RECORD_FAILURE, "fulfillment_record", "record_failure");
query!(DELETE_FULFILLMENT, "fulfillment_record", "delete_fulfillment");

/// A decision, and what it is on.
#[derive(Debug, Clone)]
pub(super) struct Decided<'a> {
    pub(super) environment: &'a str,
    /// Which payment or subscription.
    pub(super) source: &'a str,
    pub(super) kind: TargetKind,
    /// Which table, by its name when it was attached.
    pub(super) target: &'a str,
    /// Whether nothing was decided on its payment or subscription before, as far as that is known.
    pub(super) is_first: bool,
    pub(super) record: Record,
}

/// The same decision as failed, with the error.
pub(super) fn failed(record: Record, failure: &Failure) -> Record {
    let reason = match &failure.detail {
        Some(detail) => format!("{} ({detail})", failure.message),
        None => failure.message.clone(),
    };
    record.failed(failure.sqlstate.as_str(), reason)
}

/// Saves decisions. One that failed keeps what was given before.
pub(super) fn save(decided: &[Decided]) {
    let (failed, done): (Vec<&Decided>, Vec<&Decided>) =
        decided.iter().partition(|decided| decided.record.sqlstate.is_some());
    save_done(&done);
    failed.into_iter().for_each(save_failed);
}

fn save_done(done: &[&Decided]) {
    if done.is_empty() {
        return;
    }
    let decided = || done.iter();
    let records = || done.iter().map(|one| &one.record);
    let rows = Rows::new(done.len())
        .texts(decided().map(|one| Some(one.environment)))
        .texts(decided().map(|one| Some(one.source)))
        .texts(decided().map(|one| Some(one.kind.name())))
        .texts(decided().map(|one| Some(one.target)))
        .texts(records().map(|record| Some(record.item.as_str())))
        .texts(records().map(|record| Some(record.decision.state.name())))
        .texts(records().map(|record| record.decision.reason.as_deref()))
        .texts(records().map(|record| record.benefit_source.as_deref()))
        .numbers(records().map(|record| record.amount_due))
        .numbers(records().map(|record| record.granted))
        .numbers(records().map(|record| record.amount_reversed))
        .texts(records().map(|record| record.currency.as_deref()))
        .times(records().map(|record| record.starts_at))
        .times(records().map(|record| record.expires_at))
        .booleans(records().map(|record| record.matches))
        .texts(records().map(|record| record.prior_order_status.as_deref()))
        .texts(records().map(|record| record.duration.as_deref()))
        .texts(records().map(|record| record.holder.as_deref()))
        .times(records().map(|record| record.paid_at));
    // A plain insert takes the server half as long as one that may update.
    let is_first = done.iter().all(|one| one.is_first);
    if !is_first || INSERT_FULFILLMENTS.execute_rows(&rows) < done.len() as u64 {
        RECORD_FULFILLMENTS.execute_rows(&rows);
    }
}

fn save_failed(failed: &Decided) {
    let record = &failed.record;
    RECORD_FAILURE.execute(&[
        text(failed.environment),
        text(failed.source),
        text(failed.kind.name()),
        text(failed.target),
        text(record.item.as_str()),
        text(record.decision.reason.as_deref()),
        text(record.sqlstate.as_deref()),
        text(record.benefit_source.as_deref()),
        record.amount_due.into(),
        time(record.expires_at),
        text(record.duration.as_deref()),
    ]);
}

/// Deletes the decisions on an item, except those of that environment.
pub(super) fn delete(source: &str, kind: TargetKind, target: &str, item: &str, except: Option<&str>) {
    DELETE_FULFILLMENT.execute(&[text(source), text(kind.name()), text(target), text(item), text(except)]);
}
