//! Entitlements: one row for each key and source, active while that source gives it.

use std::collections::BTreeMap;

use payments_core::fulfil::entitlements::{Entitlement, later, of_payment};

use super::target::Target;
use super::{Benefit, Given, Kind, Purchase, Record};
use crate::db::text;

const UPDATE_ENTITLEMENT: &str = include_str!("../../sql/target/update_entitlement.sql");
const DROP_ENTITLEMENT: &str = include_str!("../../sql/target/drop_entitlement.sql");
const INSERT_ENTITLEMENT: &str = include_str!("../../sql/target/insert_entitlement.sql");

/// One key from one payment.
struct Due {
    key: String,
    via: String,
    lasts: Option<String>,
    expires_at: Option<i64>,
}

/// Who gets it.
pub(super) struct Holder<'a> {
    user: Option<&'a str>,
    subject_type: Option<&'a str>,
    subject_id: Option<&'a str>,
}

impl<'a> Holder<'a> {
    /// A subject; the user is the subject where that is a user, else whoever is given.
    pub(super) fn of(subject_type: Option<&'a str>, subject_id: Option<&'a str>, user: Option<&'a str>) -> Self {
        let user = if subject_type == Some("user") { subject_id } else { user };
        Self { user, subject_type, subject_id }
    }

    /// Whether a table has a place for at least one of them.
    pub(super) fn can_hold(&self, target: &Target) -> bool {
        self.user.is_some() || (target.has("subject_id") && self.subject_id.is_some())
    }
}

/// Whether it is given, and from when to when.
pub(super) struct Term {
    pub(super) active: bool,
    pub(super) starts_at: Option<i64>,
    pub(super) expires_at: Option<i64>,
}

/// Brings every table of entitlements to what the payment gives now.
pub(super) fn fulfil(purchase: &Purchase) {
    let now = of_payment(&purchase.money);
    for target in purchase.targets() {
        let mut dues: Vec<Due> = purchase.given(target).filter_map(known).collect();
        if dues.is_empty() {
            if purchase.given(target).next().is_some() {
                continue;
            }
            dues = promised(purchase.benefits(Kind::UserEntitlements));
            if dues.is_empty() {
                purchase.nothing_to_give(Kind::UserEntitlements, target);
                continue;
            }
        }
        for due in &dues {
            give(target, purchase, due, &now);
        }
    }
}

fn known(given: &Given) -> Option<Due> {
    Some(Due {
        key: given.what.clone(),
        via: given.via.clone()?,
        lasts: given.lasts.clone(),
        expires_at: given.expires_at,
    })
}

/// One row a key: where two lines give the same, the one that lasts longer.
fn promised(benefits: Vec<Benefit>) -> Vec<Due> {
    let mut keys: BTreeMap<String, Due> = BTreeMap::new();
    for benefit in benefits {
        let Some(key) = benefit.key else { continue };
        let due = Due { key: key.clone(), via: benefit.via, lasts: benefit.lasts, expires_at: benefit.expires_at };
        match keys.get(&key) {
            Some(known) if later(known.expires_at, due.expires_at) == known.expires_at => {}
            _ => drop(keys.insert(key, due)),
        }
    }
    keys.into_values().collect()
}

fn give(target: &Target, purchase: &Purchase, due: &Due, now: &Entitlement) {
    let start = purchase.money.paid_at;
    let record = Record {
        via: Some(&due.via),
        lasts: due.lasts.as_deref(),
        starts_at: Some(start),
        expires_at: due.expires_at,
        ..Record::new(purchase, Kind::UserEntitlements, target, &due.key, now.verdict.clone())
    };
    let holder =
        Holder::of(purchase.subject_type.as_deref(), purchase.subject_id.as_deref(), purchase.created_by.as_deref());
    if !holder.can_hold(target) {
        let verdict = purchase.needs_review("the checkout session names nobody to give it to");
        Record { verdict, ..record }.keep();
        return;
    }
    let term = Term { active: now.active, starts_at: Some(start), expires_at: due.expires_at };
    let known = purchase.given(target).next().is_some();
    match target.attempt(|| write(target, &purchase.source, &due.key, &holder, &term, known)) {
        Ok(()) => record.keep(),
        Err(failure) => record.keep_failure(&failure),
    }
}

/// Writes the row of one source and key: `known` says that it is probably there.
pub(super) fn write(target: &Target, source: &str, key: &str, holder: &Holder, term: &Term, known: bool) {
    let args = [
        text(source),
        text(key),
        text(holder.user),
        term.active.into(),
        term.starts_at.into(),
        term.expires_at.into(),
        text(holder.subject_type),
        text(holder.subject_id),
    ];
    let [first, second] =
        if known { [UPDATE_ENTITLEMENT, INSERT_ENTITLEMENT] } else { [INSERT_ENTITLEMENT, UPDATE_ENTITLEMENT] };
    if target.run(first, &args).0 == 0 {
        target.run(second, &args);
    }
}

/// Removes the row of one source and key.
pub(super) fn remove(target: &Target, source: &str, key: &str) {
    target.run(DROP_ENTITLEMENT, &[text(source), text(key)]);
}
