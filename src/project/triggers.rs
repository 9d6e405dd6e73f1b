//! What the triggers on our own tables call: what was written by others is derived like what we write.

use payments_core::Subject;
use pgrx::prelude::*;

use crate::definer;
use crate::error::OrRaise;
use crate::pg::guc::SearchPath;
use crate::precondition::environment_of;
use crate::project::changed_mappings::{self, ChangedMapping};
use crate::project::local_session::lock_session_lookup;
use crate::project::payment::{refold, settle_family};
use crate::project::payment_group;
use crate::project::reassign::follow_changed_mappings;
use crate::projection_lock::{self, require_exclusive};

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
        follow_changed_mappings();
    };
    definer::write(SearchPath::Ordinary, || projection_lock::run_nested(follow));
}

/// What the trigger on `stripe_customer_mappings` calls for each mapping that came or went; `by_admin` where it is not derived
/// from a session, so that the claims around it are resolved again. A projection that is at work derives what follows itself, once
/// its own rows are written.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn mapping_changed(environment: &str, subject_type: &str, subject_id: &str, stripe_customer_id: &str, by_admin: bool) {
    definer::require_inside();
    let environment = environment_of(Some(environment)).or_raise();
    let subject = Subject { subject_type: subject_type.to_owned(), subject_id: subject_id.to_owned() };
    let changed =
        ChangedMapping { environment, subject, customer: stripe_customer_id.to_owned(), by_admin, folded: None };
    if projection_lock::is_projecting() {
        changed_mappings::note(changed);
        return;
    }
    let follow = || {
        projection_lock::lock_shared();
        changed_mappings::note(changed.clone());
        follow_changed_mappings();
    };
    definer::write(SearchPath::Ordinary, || projection_lock::run_nested(follow));
}
