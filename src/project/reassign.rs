//! What follows from a mapping that came or went: a customer's earlier payments and subscriptions get their subject.

use crate::pg::statement::{query, text};
use crate::project::changed_mappings::{self, ChangedMapping, Noted};
use crate::project::customer_mapping::{ConflictNotes, MappingState, resolve_and_write};
use crate::project::payment::refold;
use crate::project::payment_group::{self, AlsoLock};
use crate::projection_lock::{is_exclusive, require_exclusive};
use crate::settings;

query!(ATTRIBUTE_SUBSCRIPTIONS, "project_reassign", "attribute_subscriptions");

/// Derives what follows from every mapping that was noted, until none is left, because this can write further mappings.
pub(crate) fn follow_changed_mappings() {
    while let Some(noted) = changed_mappings::next() {
        follow(&noted);
    }
}

fn follow(noted: &Noted) {
    let ChangedMapping { environment, subject, customer, by_admin } = &noted.changed;
    if *by_admin {
        if !is_exclusive() && MappingState::of(*environment, subject, customer).contested {
            require_exclusive();
        }
        resolve_and_write(*environment, subject, customer, ConflictNotes::Always);
    }
    payment_group::lock_objects(*environment, std::slice::from_ref(customer));
    for group_id in payment_group::lock_groups_of(*environment, AlsoLock::Customer(customer)) {
        if !noted.is_folded(&group_id) {
            refold(*environment, &group_id);
        }
    }
    let prefixes = settings::metadata_prefixes();
    ATTRIBUTE_SUBSCRIPTIONS.execute(&[text(environment.name()), text(customer.as_str()), prefixes.into()]);
}
