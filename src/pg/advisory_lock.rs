//! Locks that hold until the transaction ends: advisory ones on words, and the shared hold on the projection.
//!
//! Advisory locks take space in the server's lock table, which a transaction with many events must not fill. So the keys that many events
//! lock are hashed into a fixed number of slots. Two keys in one slot only wait for each other.
#![allow(unsafe_code)]

use std::cell::RefCell;

use pgrx::prelude::*;

use crate::pg::guc::with_lock_timeout;
use crate::pg::savepoint::{Failure, savepoint_of_app};

/// What the slots of one kind stand for. The kinds are locked in this order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LockSpace {
    /// Events, by their ids.
    Events,
    /// Stripe's checkout sessions, whose local rows are looked for.
    Sessions,
    /// What rows of several payments depend on: customers, subscriptions, subjects, the catalog.
    Objects,
    /// Groups of facts, by their group ids.
    Groups,
    /// Payments that another backend writes, and that a refund or dispute looks for, by Stripe's ids.
    Adopted,
    /// What subjects have in the app's own tables, of the subjects of one slot.
    Subjects,
}

/// How many slots there are of each kind: a default server has room for all of all kinds.
const SLOTS: u64 = 1024;

impl LockSpace {
    /// The slot that a word has under its first one: an environment, a type of subject.
    fn slot(self, first: &str, word: &str) -> Lock {
        Lock { of: OF_SLOTS, high: self as u32, low: u32::try_from(hash(&[first, word]) % SLOTS).unwrap_or_default() }
    }

    /// Locks the slots of these words, in the same order everywhere. Returns whether this transaction had all of them before.
    pub(crate) fn lock<'a>(self, first: &str, words: impl IntoIterator<Item = &'a str>) -> bool {
        let mut slots: Vec<Lock> = words.into_iter().map(|word| self.slot(first, word)).collect();
        slots.sort_unstable();
        slots.dedup();
        slots.into_iter().filter(|slot| !slot.wait(EXCLUSIVE)).count() == 0
    }
}

/// How many subjects a transaction locks one by one. After that it locks whole slots.
const SUBJECT_LOCKS_MAX: usize = 500;

thread_local! {
    /// When the transaction began that locked subjects last, and in which of its subtransactions it locked each, as long as they are
    /// few.
    static LOCKED: RefCell<(i64, Vec<pg_sys::SubTransactionId>)> = const { RefCell::new((0, Vec::new())) };
}

/// Notes that this transaction locks one more subject; whether it has locked many by now.
fn locks_many() -> bool {
    // SAFETY: reads globals of this backend.
    let (began, now) = unsafe { (pg_sys::GetCurrentTransactionStartTimestamp(), pg_sys::GetCurrentSubTransactionId()) };
    LOCKED.with_borrow_mut(|(last, locked)| {
        if *last != began {
            (*last, *locked) = (began, Vec::new());
        }
        if locked.len() >= SUBJECT_LOCKS_MAX {
            return true;
        }
        locked.push(now);
        false
    })
}

/// What was locked since this subtransaction began is free again. Their numbers grow, so that those of its own savepoints are larger.
pub(crate) fn subtransaction_aborted(subtransaction: pg_sys::SubTransactionId) {
    LOCKED.with_borrow_mut(|(_, locked)| locked.retain(|one| *one < subtransaction));
}

/// What a subject has in the app's own tables: its balances, its billing status.
///
/// A transaction that locks one subject locks its slot shared; one that has locked many subjects locks the slot exclusively instead.
pub(crate) struct SubjectLock {
    slot: Lock,
    subject: Lock,
    whole_slot: bool,
}

impl SubjectLock {
    /// Of this subject, to be locked once.
    pub(crate) fn of(subject_type: &str, subject_id: &str) -> Self {
        Self {
            slot: LockSpace::Subjects.slot(subject_type, subject_id),
            subject: Lock::on(&["belongings", subject_type, subject_id]),
            whole_slot: locks_many(),
        }
    }

    /// Waits until nobody else has them.
    pub(crate) fn lock(&self) {
        if self.whole_slot {
            self.slot.wait(EXCLUSIVE);
        } else {
            self.slot.wait(SHARED);
            self.subject.wait(EXCLUSIVE);
        }
    }

    /// Takes them if nobody else has them.
    pub(crate) fn try_lock(&self) -> bool {
        if self.whole_slot { self.slot.take(EXCLUSIVE) } else { self.slot.take(SHARED) && self.subject.take(EXCLUSIVE) }
    }

    /// Waits for them, but no longer than so many milliseconds. A savepoint that ends is dear in a transaction that holds many
    /// locks, so it is made only where somebody has them.
    pub(crate) fn lock_within(&self, limit: i32) -> Result<(), Failure> {
        if self.try_lock() {
            return Ok(());
        }
        savepoint_of_app(|| with_lock_timeout(limit, || self.lock()))
    }
}

/// Waits for a lock on exactly these words.
pub(crate) fn lock(words: &[&str]) {
    Lock::on(words).wait(EXCLUSIVE);
}

/// The same, beside others who share it.
pub(crate) fn lock_shared(words: &[&str]) {
    Lock::on(words).wait(SHARED);
}

/// The classes of our locks. The server's own functions for advisory locks write 1 or 2 there, so that no SQL can take one of ours
/// and keep everybody waiting.
const OF_SLOTS: u16 = 0x5041;
const OF_WORDS: u16 = 0x5042;

const EXCLUSIVE: u32 = pg_sys::ExclusiveLock;
const SHARED: u32 = pg_sys::ShareLock;

/// One lock of this database, held until the transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Lock {
    of: u16,
    high: u32,
    low: u32,
}

impl Lock {
    fn on(words: &[&str]) -> Self {
        let key = hash(words);
        Self { of: OF_WORDS, high: (key >> 32) as u32, low: (key & 0xFFFF_FFFF) as u32 }
    }

    /// Waits for it; whether this transaction had it before.
    fn wait(self, mode: u32) -> bool {
        self.acquire(mode, false) == pg_sys::LockAcquireResult::LOCKACQUIRE_ALREADY_HELD
    }

    /// Whether nobody has it, so that it is ours now.
    fn take(self, mode: u32) -> bool {
        self.acquire(mode, true) != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
    }

    #[allow(clippy::cast_possible_truncation, reason = "the server keeps small constants in small fields")]
    fn acquire(self, mode: u32, at_once: bool) -> pg_sys::LockAcquireResult::Type {
        let tag = pg_sys::LOCKTAG {
            // SAFETY: a global of this backend.
            locktag_field1: u32::from(unsafe { pg_sys::MyDatabaseId }),
            locktag_field2: self.high,
            locktag_field3: self.low,
            locktag_field4: self.of,
            locktag_type: pg_sys::LockTagType::LOCKTAG_ADVISORY as u8,
            locktag_lockmethodid: pg_sys::USER_LOCKMETHOD as u8,
        };
        // SAFETY: the tag is read during the call only.
        unsafe { pg_sys::LockAcquire(&raw const tag, mode as i32, false, at_once) }
    }
}

/// FNV-1a, which every backend and version computes alike; the words are kept apart by a byte that no text has.
fn hash(words: &[&str]) -> u64 {
    let bytes = words.iter().flat_map(|word| word.bytes().chain([0xFF]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
