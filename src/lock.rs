//! Locks that hold until the transaction ends: advisory ones on words, and the shared hold on the projection.
//!
//! Advisory locks take room in the server's lock table, which a transaction of many events must not fill. So what many
//! events lock is folded into a fixed number of slots; two words of one slot wait for each other, and no more.
#![allow(unsafe_code)]

use std::cell::Cell;

use pgrx::IntoDatum;
use pgrx::prelude::*;

use crate::db::{self, Failure, savepoint, waiting_at_most};

/// What the slots of one kind stand for. The kinds are locked in this order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Slots {
    /// Stripe's checkout sessions, whose local rows are looked for.
    Sessions,
    /// What rows of several payments depend on: customers, subscriptions, subjects, the catalog.
    Objects,
    /// Groups of facts, by their anchors.
    Groups,
    /// What subjects have in the app's own tables, of the subjects of one slot.
    Belongings,
}

/// How many slots there are of each kind: a default server has room for all of all kinds.
const SLOTS: u64 = 1024;

impl Slots {
    /// The first of the two numbers of an advisory lock: a name space of our own for each kind.
    fn space(self) -> i32 {
        match self {
            Self::Sessions => 1_886_943_604,
            Self::Objects => 1_886_943_605,
            Self::Groups => 1_886_943_606,
            Self::Belongings => 1_886_943_607,
        }
    }

    /// The two numbers of the advisory lock that a word has under its first one: an environment, a type of subject.
    fn key(self, first: &str, word: &str) -> (i32, i32) {
        (self.space(), i32::try_from(hash(&[first, word]) % SLOTS).unwrap_or_default())
    }

    /// Waits for the slots of these words, in one order for everybody.
    pub(crate) fn lock<'a>(self, first: &str, words: impl IntoIterator<Item = &'a str>) {
        let mut keys: Vec<(i32, i32)> = words.into_iter().map(|word| self.key(first, word)).collect();
        keys.sort_unstable();
        keys.dedup();
        for (space, slot) in keys {
            let key = [space.into_datum(), slot.into_datum()];
            // SAFETY: the function takes two integers and returns nothing.
            unsafe { pgrx::direct_function_call::<()>(pg_sys::pg_advisory_xact_lock_int4, &key) };
        }
    }
}

/// How many subjects a transaction locks one by one, so that who takes them in one order meets no other; of more it locks slots.
const ONE_BY_ONE: u32 = 500;

thread_local! {
    /// When the transaction began that locked subjects last, and how many it has locked.
    static LOCKED: Cell<(i64, u32)> = const { Cell::new((0, 0)) };
}

/// What a subject has in the app's own tables: its balances, its billing status.
///
/// Who locks one subject shares its slot with those who lock another of it; who has locked many takes the slot for himself.
pub(crate) struct Belongings {
    slot: (i32, i32),
    subject: i64,
    whole_slot: bool,
}

impl Belongings {
    /// Of this subject, to be locked once.
    pub(crate) fn of(subject_type: &str, subject_id: &str) -> Self {
        let began = unsafe { pg_sys::GetCurrentTransactionStartTimestamp() };
        let (last, count) = LOCKED.get();
        let count = if last == began { count } else { 0 };
        LOCKED.set((began, count.saturating_add(1)));
        Self {
            slot: Slots::Belongings.key(subject_type, subject_id),
            subject: hash(&["belongings", subject_type, subject_id]).cast_signed(),
            whole_slot: count >= ONE_BY_ONE,
        }
    }

    /// Waits until nobody else has them.
    pub(crate) fn lock(&self) {
        let slot = [self.slot.0.into_datum(), self.slot.1.into_datum()];
        // SAFETY: the functions take two integers or one bigint, and return nothing.
        unsafe {
            if self.whole_slot {
                pgrx::direct_function_call::<()>(pg_sys::pg_advisory_xact_lock_int4, &slot);
            } else {
                pgrx::direct_function_call::<()>(pg_sys::pg_advisory_xact_lock_shared_int4, &slot);
                pgrx::direct_function_call::<()>(pg_sys::pg_advisory_xact_lock_int8, &[self.subject.into_datum()]);
            }
        }
    }

    /// Takes them if nobody else has them.
    pub(crate) fn try_lock(&self) -> bool {
        let slot = [self.slot.0.into_datum(), self.slot.1.into_datum()];
        let subject = [self.subject.into_datum()];
        // SAFETY: the functions take two integers or one bigint, and return a boolean.
        let got = unsafe {
            if self.whole_slot {
                pgrx::direct_function_call::<bool>(pg_sys::pg_try_advisory_xact_lock_int4, &slot)
            } else {
                pgrx::direct_function_call::<bool>(pg_sys::pg_try_advisory_xact_lock_shared_int4, &slot)
                    .filter(|shared| *shared)
                    .and_then(|_| pgrx::direct_function_call::<bool>(pg_sys::pg_try_advisory_xact_lock_int8, &subject))
            }
        };
        got.unwrap_or(false)
    }

    /// Waits for them, but no longer than so many milliseconds. A savepoint that ends is dear in a transaction that holds many
    /// locks, so it is made only where somebody has them.
    pub(crate) fn lock_within(&self, limit: i32) -> Result<(), Failure> {
        if self.try_lock() {
            return Ok(());
        }
        savepoint(|| waiting_at_most(limit, || self.lock()))
    }
}

/// Waits for an advisory lock on exactly these words.
pub(crate) fn exactly(words: &[&str]) {
    let key = hash(words).cast_signed();
    // SAFETY: the function takes one bigint and returns nothing.
    unsafe { pgrx::direct_function_call::<()>(pg_sys::pg_advisory_xact_lock_int8, &[key.into_datum()]) };
}

/// The same, beside others who share it.
pub(crate) fn beside(words: &[&str]) {
    let key = hash(words).cast_signed();
    // SAFETY: the function takes one bigint and returns nothing.
    unsafe { pgrx::direct_function_call::<()>(pg_sys::pg_advisory_xact_lock_shared_int8, &[key.into_datum()]) };
}

/// Waits for whoever has the whole projection to itself (`lock_projection.sql`), and keeps the next one waiting.
pub(crate) fn beside_others() {
    let lock = i32::try_from(pg_sys::RowExclusiveLock).unwrap_or_default();
    // SAFETY: a relation of ours, which is there as long as the extension is used.
    unsafe { pg_sys::LockRelationOid(db::our_table(c"links"), lock) };
}

/// FNV-1a, which every backend and version computes alike; the words are kept apart by a byte that no text has.
fn hash(words: &[&str]) -> u64 {
    let bytes = words.iter().flat_map(|word| word.bytes().chain([0xFF]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
