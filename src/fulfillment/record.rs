//! What was decided, in `payments.fulfillments`.

use payments_core::fulfillment::record::Record;

use super::target_kind::TargetKind;

use crate::pg::savepoint::Failure;
use crate::pg::statement::{booleans_array, numbers_array, query, text, texts_array};

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
    pub(super) record: Record,
}

/// The same decision, of which nothing came because of an error.
pub(super) fn failed(record: Record, failure: &Failure) -> Record {
    let reason = match &failure.detail {
        Some(detail) => format!("{} ({detail})", failure.message),
        None => failure.message.clone(),
    };
    record.failed(failure.sqlstate.as_str(), reason)
}

/// Records decisions. What was given before stays on record where one failed.
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
    let words = |of: for<'a> fn(&'a Decided) -> Option<&'a str>| texts_array(done.iter().map(|one| of(one)));
    let numbers = |of: fn(&Record) -> Option<i64>| numbers_array(done.iter().map(|one| of(&one.record)));
    RECORD_FULFILLMENTS.execute(&[
        words(|one| Some(one.environment)),
        words(|one| Some(one.source)),
        words(|one| Some(one.kind.name())),
        words(|one| Some(one.target)),
        words(|one| Some(&one.record.item)),
        words(|one| Some(one.record.decision.state.name())),
        words(|one| one.record.decision.reason.as_deref()),
        words(|one| one.record.benefit_source.as_deref()),
        numbers(|record| record.amount_due),
        numbers(|record| record.granted),
        numbers(|record| record.amount_reversed),
        words(|one| one.record.currency.as_deref()),
        numbers(|record| record.starts_at),
        numbers(|record| record.expires_at),
        booleans_array(done.iter().map(|one| one.record.matches)),
        words(|one| one.record.prior_order_status.as_deref()),
        words(|one| one.record.duration.as_deref()),
    ]);
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
        record.expires_at.into(),
        text(record.duration.as_deref()),
    ]);
}

/// There is nothing to say of it any more, but for that environment.
pub(super) fn delete(source: &str, kind: TargetKind, target: &str, item: &str, except: Option<&str>) {
    DELETE_FULFILLMENT.execute(&[text(source), text(kind.name()), text(target), text(item), text(except)]);
}
