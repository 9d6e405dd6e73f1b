//! Mappings that came or went while something is projected, whoever wrote them. The trigger on `stripe_customer_mappings` notes
//! them, and the projection derives what follows once its own rows are written: it never starts again inside of itself.

use std::cell::RefCell;

use payments_core::Subject;
use payments_core::stripe::event::Environment;

use crate::pg::slot::slot;

/// A mapping that came or went.
#[derive(Debug, Clone)]
pub(crate) struct ChangedMapping {
    pub(crate) environment: Environment,
    pub(crate) subject: Subject,
    pub(crate) customer: String,
    /// A backend wrote it, so that the claims around it must be resolved again.
    pub(crate) by_admin: bool,
}

/// One that is noted, and how many groups of facts were folded before it.
#[derive(Debug)]
pub(crate) struct Noted {
    pub(crate) changed: ChangedMapping,
    folded_before: usize,
}

#[derive(Debug, Default)]
struct Notes {
    noted: Vec<Noted>,
    /// The groups of facts that were folded while something was noted.
    folded: Vec<String>,
}

#[derive(Default)]
struct ChangedMappings(RefCell<Notes>);

fn with_notes<T>(work: impl FnOnce(&mut Notes) -> T) -> T {
    work(&mut slot::<ChangedMappings>().0.borrow_mut())
}

/// Notes one for the projection that is at work.
pub(crate) fn note(changed: ChangedMapping) {
    with_notes(|notes| {
        let folded_before = notes.folded.len();
        notes.noted.push(Noted { changed, folded_before });
    });
}

/// Notes that a group is about to be folded, with what was noted so far in place. Tells whether anything was.
pub(crate) fn folding(environment: Environment, group_id: &str) -> bool {
    with_notes(|notes| {
        if !notes.noted.is_empty() {
            notes.folded.push(group_id.to_owned());
        }
        notes.noted.iter().any(|one| one.changed.environment == environment)
    })
}

/// The next that was noted, if any is left.
pub(crate) fn next() -> Option<Noted> {
    with_notes(|notes| {
        let next = notes.noted.pop();
        if next.is_none() {
            notes.folded.clear();
        }
        next
    })
}

impl Noted {
    /// Whether a group was folded after this was noted, so that it need not be folded again.
    pub(crate) fn is_folded(&self, group_id: &str) -> bool {
        with_notes(|notes| notes.folded[self.folded_before..].iter().any(|folded| folded == group_id))
    }
}

/// What an outer projection has noted so far. It is restored however the inner one ends; what the inner one noted and did not derive is
/// dropped.
pub(crate) struct Outer(Notes);

impl Outer {
    /// Sets it aside.
    pub(crate) fn set_aside() -> Self {
        Self(with_notes(std::mem::take))
    }
}

impl Drop for Outer {
    fn drop(&mut self) {
        with_notes(|notes| *notes = std::mem::take(&mut self.0));
    }
}
