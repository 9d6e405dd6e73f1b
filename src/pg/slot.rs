//! What this backend keeps from one call to the next. A module declares a type for it; there is one value of each, `default()`
//! at first, which lives as long as the backend. `docs/architecture.md` lists them.

use std::any::Any;
use std::cell::RefCell;

thread_local! {
    static SLOTS: RefCell<Vec<&'static dyn Any>> = const { RefCell::new(Vec::new()) };
}

/// This backend's value of a type.
pub(crate) fn slot<T: Default + 'static>() -> &'static T {
    SLOTS.with_borrow_mut(|slots| {
        if let Some(known) = slots.iter().find_map(|slot| slot.downcast_ref::<T>()) {
            return known;
        }
        let new: &'static T = Box::leak(Box::default());
        slots.push(new);
        new
    })
}
