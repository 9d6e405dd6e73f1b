//! Entitlements: one row for each key and source, active while that source gives it.

use std::collections::BTreeMap;

use payments_core::fulfil::State;
use payments_core::fulfil::entitlements::{Entitlement, of_payment};
use payments_core::fulfil::promise::{self, Term as Promised, Waiting};
use serde_json::json;

use super::purchase::{Given, Purchase, UNDECIDED};
use super::target::Target;
use super::{Kind, Record, forget, keep_undecided, known};
use crate::db::text;

const UPDATE_ENTITLEMENT: &str = include_str!("../../sql/target/update_entitlement.sql");
const DROP_ENTITLEMENT: &str = include_str!("../../sql/target/drop_entitlement.sql");
const FIND_ENTITLEMENT: &str = include_str!("../../sql/target/find_entitlement.sql");
const INSERT_ENTITLEMENT: &str = include_str!("../../sql/target/insert_entitlement.sql");
const INSERT_ENTITLEMENTS: &str = include_str!("../../sql/target/insert_entitlements.sql");

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

    /// Whether the ids are such as the table's columns can hold.
    fn is_well_formed(&self, target: &Target) -> bool {
        self.user.is_none_or(|id| target.can_name("user_id", id))
            && self.subject_id.is_none_or(|id| target.can_name("subject_id", id))
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
    for target in known::targets(Kind::UserEntitlements).iter() {
        if purchase.only_takes_back() {
            take_back(target, purchase, &now);
            continue;
        }
        let given: Vec<&Given> = purchase.given(Kind::UserEntitlements, target).collect();
        let waiting: Vec<Waiting> = given.iter().filter_map(|given| given.waiting()).collect();
        let mut dues: BTreeMap<String, Promised> = given.iter().filter_map(|given| promised_before(given)).collect();
        let (promised, undecided) = if given.is_empty() {
            promise::entitlements(purchase.benefits().iter())
        } else if waiting.is_empty() {
            (BTreeMap::new(), BTreeMap::new())
        } else {
            promise::entitlements(promise::of_waiting(purchase.benefits(), &waiting).iter())
        };
        for (key, term) in promised {
            let term = match dues.remove(&key) {
                Some(known) => known.longer(term),
                None => term,
            };
            dues.insert(key, term);
        }
        for (key, term) in &dues {
            give(target, purchase, key, term, &now, !given.is_empty());
        }
        if dues.is_empty() && undecided.is_empty() && given.len() == waiting.len() {
            purchase.nothing_to_give(Kind::UserEntitlements, target);
        }
        for (price, why) in &undecided {
            keep_undecided(purchase, Kind::UserEntitlements, target, price, *why);
        }
        for line in waiting.iter().filter(|line| !undecided.contains_key(&line.price)) {
            let what = format!("{UNDECIDED}{}", line.price);
            forget(&purchase.source, Kind::UserEntitlements, target, &what, None);
        }
    }
}

/// What a test payment gave before live was approved follows its money; nothing else is given.
fn take_back(target: &Target, purchase: &Purchase, now: &Entitlement) {
    let given: Vec<&Given> = purchase.given(Kind::UserEntitlements, target).collect();
    for tried in &given {
        match (promised_before(tried), tried.is_open()) {
            (Some((key, term)), false) if tried.state != State::Skipped => {
                give(target, purchase, &key, &term, now, true);
            }
            // It may have been given once, and failed to be taken back.
            (Some((key, term)), true) => match target.attempt(|| remove(target, &purchase.source, &key)) {
                Ok(()) => purchase.refuse_test(Kind::UserEntitlements, target, Some(tried)),
                Err(failure) => record(purchase, target, &key, &term, now).keep_failure(&failure),
            },
            (None, true) => purchase.refuse_test(Kind::UserEntitlements, target, Some(tried)),
            _ => {}
        }
    }
    if given.is_empty() {
        purchase.refuse_test(Kind::UserEntitlements, target, None);
    }
}

fn promised_before(given: &Given) -> Option<(String, Promised)> {
    if given.waiting().is_some() {
        return None;
    }
    let term = Promised { via: given.via.clone()?, lasts: given.lasts.clone(), expires_at: given.expires_at };
    Some((given.what.clone(), term))
}

/// Gives one key; `known` says that its row is probably there.
fn give(target: &Target, purchase: &Purchase, key: &str, due: &Promised, now: &Entitlement, known: bool) {
    let record = record(purchase, target, key, due, now);
    if let Some(reason) = purchase.money.too_little() {
        let record = Record { verdict: purchase.needs_review(&reason), ..record };
        // It may have been given before that was known.
        let removed = if known { target.attempt(|| remove(target, &purchase.source, key)) } else { Ok(()) };
        match removed {
            Ok(()) => record.keep(),
            Err(failure) => record.keep_failure(&failure),
        }
        return;
    }
    let holder = holder_of(purchase);
    let unable = match (holder.can_hold(target), holder.is_well_formed(target)) {
        (false, _) => Some("the checkout session names nobody to give it to"),
        (true, false) => Some("the id of who gets it is none that the table can name"),
        (true, true) => None,
    };
    if let Some(reason) = unable {
        let verdict = purchase.needs_review(reason);
        Record { verdict, ..record }.keep();
        return;
    }
    let term = term_of(purchase, due, now);
    match target.attempt(|| write(target, &purchase.source, key, &holder, &term, known)) {
        Ok(()) => record.keep(),
        Err(failure) => record.keep_failure(&failure),
    }
}

fn holder_of(purchase: &Purchase) -> Holder<'_> {
    Holder::of(purchase.subject_type.as_deref(), purchase.subject_id.as_deref(), purchase.created_by.as_deref())
}

fn term_of(purchase: &Purchase, due: &Promised, now: &Entitlement) -> Term {
    Term { active: now.active, starts_at: Some(purchase.money.paid_at), expires_at: due.expires_at }
}

fn record<'a>(
    purchase: &'a Purchase,
    target: &'a Target,
    key: &'a str,
    due: &'a Promised,
    now: &Entitlement,
) -> Record<'a> {
    Record {
        via: Some(&due.via),
        lasts: due.lasts.as_deref(),
        starts_at: Some(purchase.money.paid_at),
        expires_at: due.expires_at,
        ..Record::new(purchase, Kind::UserEntitlements, target, key, now.verdict.clone())
    }
}

/// The keys that a payment gives at first.
pub(super) struct Keys {
    promised: BTreeMap<String, Promised>,
    now: Entitlement,
}

/// The keys of a payment on which nothing was decided yet; none where that is not plain.
pub(super) fn first(purchase: &Purchase, target: &Target) -> Option<Keys> {
    let (promised, undecided) = promise::entitlements(purchase.benefits().iter());
    let holder = holder_of(purchase);
    let plain = !promised.is_empty() && undecided.is_empty() && purchase.money.too_little().is_none();
    (plain && holder.can_hold(target) && holder.is_well_formed(target))
        .then(|| Keys { promised, now: of_payment(&purchase.money) })
}

impl Keys {
    pub(super) fn write(&self, target: &Target, purchase: &Purchase) {
        for (key, due) in &self.promised {
            let term = term_of(purchase, due, &self.now);
            write(target, &purchase.source, key, &holder_of(purchase), &term, false);
        }
    }

    pub(super) fn records<'a>(&'a self, purchase: &'a Purchase, target: &'a Target) -> Vec<Record<'a>> {
        self.promised.iter().map(|(key, due)| record(purchase, target, key, due, &self.now)).collect()
    }
}

/// Writes what many payments give, a row for each key; raises where one is there already.
pub(super) fn write_many<'a>(target: &Target, keys: impl Iterator<Item = (&'a Purchase, &'a Keys)>) {
    let mut rows = Vec::new();
    for (purchase, keys) in keys {
        let holder = holder_of(purchase);
        for (key, due) in &keys.promised {
            let term = term_of(purchase, due, &keys.now);
            rows.push(json!({
                "source": purchase.source,
                "key": key,
                "user_id": holder.user,
                "active": term.active,
                "starts_at": term.starts_at,
                "expires_at": term.expires_at,
                "subject_type": holder.subject_type,
                "subject_id": holder.subject_id,
            }));
        }
    }
    target.write_all(INSERT_ENTITLEMENTS, &rows, Vec::new());
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
    if target.run(first, &args).0 == 0 && target.run(second, &args).0 == 0 {
        target.had_no_effect();
    }
}

/// Removes the row of one source and key.
pub(super) fn remove(target: &Target, source: &str, key: &str) {
    let args = [text(source), text(key)];
    if target.run(DROP_ENTITLEMENT, &args).0 == 0 && target.run(FIND_ENTITLEMENT, &args).1.is_some() {
        target.had_no_effect();
    }
}
