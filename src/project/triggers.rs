//! What the triggers on our own tables call: what was written by others is derived like what we write.

use payments_core::Subject;
use payments_core::stripe::event::Environment;
use pgrx::prelude::*;

use crate::error::OrRaise;
use crate::pg::guc::SearchPath;
use crate::pg::statement::{query, text};
use crate::precondition::environment_of;
use crate::project::customer_mapping::{ConflictNotes, is_contested, resolve_and_write};
use crate::project::local_session::lock_session_lookup;
use crate::project::payment::{self, refold, settle_family};
use crate::project::payment_group::{self, AlsoLock};
use crate::projection_lock::{self, require_exclusive};
use crate::{definer, settings};

query!(ATTRIBUTE_SUBSCRIPTIONS, "project_triggers", "attribute_subscriptions");

/// What the trigger on `checkout_sessions` calls for a row that learned from elsewhere which Stripe session is its: what was said
/// of that so far is derived again.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn session_linked(environment: &str, stripe_checkout_session_id: &str) {
    definer::require_inside();
    let environment = environment_of(Some(environment)).or_raise();
    let follow = || {
        lock_session_lookup(environment, stripe_checkout_session_id);
        if let Some(group_id) = payment_group::group_of(environment, stripe_checkout_session_id) {
            require_exclusive();
            refold(environment, &group_id);
        }
        settle_family(environment, stripe_checkout_session_id);
    };
    definer::write(SearchPath::Ordinary, || projection_lock::run_nested(follow));
}

/// Attributes every earlier payment and subscription of a customer anew, after its mapping changed.
fn reassign_subjects(environment: Environment, customer: &str) {
    payment_group::lock_objects(environment, &[customer.to_owned()]);
    for group_id in payment_group::lock_groups_of(environment, AlsoLock::Customer(customer)) {
        payment::refold(environment, &group_id);
    }
    let prefix = settings::metadata_prefix();
    ATTRIBUTE_SUBSCRIPTIONS.execute(&[text(environment.name()), text(customer), text(prefix.as_str())]);
}

/// What the trigger on `stripe_customer_mappings` calls for each mapping that came or went; `by_admin` where it is not derived
/// from a session, so that the claims around it are resolved again.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn mapping_changed(environment: &str, subject_type: &str, subject_id: &str, stripe_customer_id: &str, by_admin: bool) {
    definer::require_inside();
    let environment = environment_of(Some(environment)).or_raise();
    let subject = Subject { subject_type: subject_type.to_owned(), subject_id: subject_id.to_owned() };
    let follow = || {
        projection_lock::lock_shared();
        if by_admin {
            if is_contested(environment, &subject, stripe_customer_id) {
                projection_lock::require_exclusive();
            }
            resolve_and_write(environment, &subject, stripe_customer_id, ConflictNotes::Always);
        }
        reassign_subjects(environment, stripe_customer_id);
    };
    definer::write(SearchPath::Ordinary, || projection_lock::run_nested(follow));
}
