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
    /// The group of facts that is folded after it was noted, which need not be folded again.
    pub(crate) folded: Option<String>,
}

#[derive(Default)]
struct ChangedMappings(RefCell<Vec<ChangedMapping>>);

/// Notes one for the projection that is at work.
pub(crate) fn note(changed: ChangedMapping) {
    slot::<ChangedMappings>().0.borrow_mut().push(changed);
}

/// Notes that a group is about to be folded, with what was noted so far in place. Tells whether anything was.
pub(crate) fn folding(environment: Environment, group_id: &str) -> bool {
    let mut noted = false;
    for changed in slot::<ChangedMappings>().0.borrow_mut().iter_mut().filter(|one| one.environment == environment) {
        changed.folded = Some(group_id.to_owned());
        noted = true;
    }
    noted
}

/// The next that was noted, if any is left.
pub(crate) fn next() -> Option<ChangedMapping> {
    slot::<ChangedMappings>().0.borrow_mut().pop()
}

/// What an outer projection has noted so far. It is restored however the inner one ends; what the inner one noted and did not derive is
/// dropped.
pub(crate) struct Outer(Vec<ChangedMapping>);

impl Outer {
    /// Sets it aside.
    pub(crate) fn set_aside() -> Self {
        Self(slot::<ChangedMappings>().0.take())
    }
}

impl Drop for Outer {
    fn drop(&mut self) {
        slot::<ChangedMappings>().0.replace(std::mem::take(&mut self.0));
    }
}
