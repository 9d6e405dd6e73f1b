//! Facts of several payments, projected with statements that they share: for batches and backfills, which have the projection to
//! themselves.
//!
//! What one payment's facts come to may depend on another payment of the batch, where they share a group, a local row, or a family of
//! recovered sessions. Such payments are projected one after the other, after those that stand apart.

use std::collections::{HashMap, HashSet};

use payments_core::Subject;
use payments_core::payment::by_payment::by_payment;
use payments_core::payment::fact::{Fact, PaymentObject};
use payments_core::stripe::event::Environment;
use payments_core::stripe::object::session::Session;

use crate::project::customer_mapping::MappingState;
use crate::project::local_row::LocalRow;
use crate::project::local_session::{LocalRows, as_session, claimable};
use crate::project::payment::{self, Group};
use crate::project::payment_group::{self, Apart, GroupOrigin};
use crate::project::payment_row;
use crate::project::reassign::follow_changed_mappings;
use crate::projection_lock::require_exclusive;

/// Projects facts of any payments. The whole projection must be locked.
pub(crate) fn project(environment: Environment, facts: Vec<Fact>) {
    let mut payments = by_payment(facts);
    if payments.len() > 1 {
        require_exclusive();
        payments = project_apart(environment, payments);
    }
    for payment in payments {
        payment::project(environment, &payment);
        follow_changed_mappings();
    }
}

/// Projects those payments that stand apart from each other, and returns the others.
fn project_apart(environment: Environment, payments: Vec<Vec<Fact>>) -> Vec<Vec<Fact>> {
    let keys = payments.iter().map(|payment| payment_row::ids(payment));
    let found = payment_group::find_apart(environment, &keys.collect::<Vec<_>>());
    let is_existing = |apart: &&Apart| apart.group.since == GroupOrigin::Existing;
    let existing = found.iter().flatten().filter(is_existing).map(|apart| apart.group.group_id.clone());
    let mut known = payment_group::facts_of_each(environment, existing.collect());
    let mut locals = LocalRows::new(environment);
    let all = payments.iter().flatten().chain(known.values().flatten());
    locals.look_up(&distinct(all.filter_map(as_session).collect()));

    let mut rows = HashSet::new();
    let (mut apart, mut before, mut came, mut others) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (payment, found) in payments.into_iter().zip(found) {
        let Some(found) = found else {
            others.push(payment);
            continue;
        };
        let facts = known.remove(&found.group.group_id).unwrap_or_default();
        if has_own_rows(&mut locals, &mut rows, || payment.iter().chain(&facts)) {
            apart.push(found);
            before.push(facts);
            came.push(payment);
        } else {
            others.push(payment);
        }
    }
    payment_group::add_missing(environment, &apart);
    find_open_mappings(&mut locals, &came);
    let joined = apart.into_iter().map(|apart| apart.group);
    let groups = joined.zip(before).zip(&came).map(|((joined, facts), came)| Group::of(joined, facts, came));
    payment::write(&mut locals, &groups.collect::<Vec<_>>());
    follow_changed_mappings();
    others
}

fn distinct(mut sessions: Vec<&Session>) -> Vec<&Session> {
    let mut ids = HashSet::new();
    sessions.retain(|session| ids.insert(session.id.as_str()));
    sessions
}

/// Whether no other session has or wants the local rows of a payment's sessions; `rows` are those that other payments of the batch have.
fn has_own_rows<'a, F: Iterator<Item = &'a Fact>>(
    locals: &mut LocalRows,
    rows: &mut HashSet<String>,
    facts: impl Fn() -> F,
) -> bool {
    let is_adopted = |fact: &Fact| matches!(fact.object, PaymentObject::AdoptedPayment(_));
    let is_free = |row: &LocalRow, rows: &HashSet<String>| {
        row.holder.is_none() && row.recorded.is_none() && !rows.contains(&row.id)
    };
    let mut own = HashSet::new();
    let mut has_own = !facts().any(is_adopted);
    for session in facts().filter_map(as_session) {
        let candidates = locals.candidates(session);
        has_own &= session.recovered_from.is_none() && candidates.iter().all(|row| is_free(row, rows));
        own.extend(candidates.iter().map(|row| row.id.clone()));
    }
    rows.extend(own);
    has_own
}

/// Finds which subjects and customers the payments bring together for the first time, each of them only once in the batch.
fn find_open_mappings(locals: &mut LocalRows, payments: &[Vec<Fact>]) {
    let mut claimed: Vec<(Subject, String)> = Vec::new();
    for payment in payments {
        claimed.extend(payment.iter().find_map(|fact| claimable(locals, &fact.object)));
    }
    if claimed.is_empty() {
        return;
    }
    let pairs: Vec<_> = claimed.iter().map(|(subject, customer)| (subject, customer.as_str())).collect();
    let states = MappingState::of_each(locals.environment, &pairs);
    let mut subjects: HashMap<Subject, usize> = HashMap::new();
    let mut customers: HashMap<String, usize> = HashMap::new();
    for (subject, customer) in &claimed {
        *subjects.entry(subject.clone()).or_default() += 1;
        *customers.entry(customer.clone()).or_default() += 1;
    }
    let is_open = |((subject, customer), state): &((Subject, String), MappingState)| {
        state.is_open() && subjects.get(subject) == Some(&1) && customers.get(customer) == Some(&1)
    };
    let open = claimed.into_iter().zip(states).filter(is_open).map(|(mapping, _)| mapping);
    locals.open_mappings.extend(open);
}
