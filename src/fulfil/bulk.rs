//! Many payments of one statement: what is usual among them is given many at a time, before the triggers of each are called; what
//! is not is left to those.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use pgrx::prelude::*;

use super::Kind;
use super::first::{Gift, Tables, give};
use super::purchase::{Purchase, Version};
use crate::db::{current_transaction, in_transition_tables};

const PAID_BY_INSERT: &str = include_str!("../../sql/target/paid_by_insert.sql");
const PAID_BY_UPDATE: &str = include_str!("../../sql/target/paid_by_update.sql");

/// Fewer are given one by one.
const MANY: i64 = 8;
/// So many are given at a time: where something fails among them they are given one by one.
const AT_A_TIME: usize = 256;
/// After so many failures a statement's other payments are given one by one too.
const FAILURES: usize = 3;

/// The transaction, or savepoint, and the command that wrote a row.
type Command = (u32, u32);

/// What the statements of one transaction gave: a trigger of one may run another.
#[derive(Default)]
struct Given {
    transaction: i64,
    /// By command, and by where the server keeps what that wrote: an upsert has two such places.
    statements: HashSet<(Command, usize)>,
    /// The kinds of each payment, a bit each.
    kinds: HashMap<(Command, [u8; 16]), u8>,
}

thread_local! {
    static GIVEN: RefCell<Given> = RefCell::default();
}

/// Gives what a statement's payments bought, at the first of its rows.
pub(super) fn give_all(trigger: &PgTrigger, version: &Version, kinds: impl FnOnce() -> Vec<Kind>) {
    let written = trigger.trigger_data().tg_newtable;
    // SAFETY: the server keeps it as long as triggers of the statement are called.
    if written.is_null() || unsafe { pg_sys::tuplestore_tuple_count(written) } < MANY {
        return;
    }
    let command = (version.writer, version.command);
    let transaction = current_transaction();
    let is_new = GIVEN.with_borrow_mut(|given| {
        if given.transaction != transaction {
            *given = Given { transaction, ..Given::default() };
        }
        given.statements.insert((command, written.addr()))
    });
    if is_new {
        let gifts = in_parts(&payments_of(trigger), &kinds());
        let of_command = gifts.into_iter().map(|(payment, kinds)| ((command, payment), kinds));
        GIVEN.with_borrow_mut(|given| given.kinds.extend(of_command));
    }
}

/// Whether the statement that wrote this version of a payment's row has given what it bought of a kind.
pub(super) fn gave(version: &Version, kind: Kind) -> bool {
    let of_command = ((version.writer, version.command), version.payment);
    GIVEN.with_borrow_mut(|given| {
        // What an earlier transaction gave takes room for nothing.
        if !given.kinds.is_empty() && given.transaction != current_transaction() {
            *given = Given::default();
        }
        given.kinds.get(&of_command).is_some_and(|kinds| kinds & bit(kind) != 0)
    })
}

fn in_parts(payments: &[pgrx::Uuid], kinds: &[Kind]) -> Vec<([u8; 16], u8)> {
    let tables = Tables::of(kinds);
    let mut given = Vec::new();
    let mut failures = 0;
    // Of several payments of one local session the first gives; the others see that at their own turn.
    let mut sources = HashSet::new();
    let mut waits = false;
    for part in payments.chunks(AT_A_TIME) {
        let mut gifts: Vec<Gift> = Vec::new();
        for purchase in Purchase::find_all(part) {
            let first_of_source = sources.insert(purchase.source.clone());
            let Some(gift) = Gift::of(&purchase, &tables).filter(|_| first_of_source) else { continue };
            // Who went on to later subjects while another has this one might have to wait for him, and he for us.
            if !gift.try_lock() {
                waits = true;
                break;
            }
            gifts.push(gift);
        }
        if give(&mut gifts, &tables).is_ok() {
            let done = |gift: &Gift| gift.done().into_iter().fold(0, |kinds, kind| kinds | bit(kind));
            given.extend(gifts.iter().map(|gift| (gift.purchase.payment(), done(gift))));
        } else {
            failures += 1;
        }
        if waits || failures == FAILURES {
            break;
        }
        pgrx::check_for_interrupts!();
    }
    given
}

fn bit(kind: Kind) -> u8 {
    1 << kind as u8
}

fn payments_of(trigger: &PgTrigger) -> Vec<pgrx::Uuid> {
    let paid = if trigger.trigger_data().tg_oldtable.is_null() { PAID_BY_INSERT } else { PAID_BY_UPDATE };
    in_transition_tables(trigger, paid).unwrap_or_default()
}
