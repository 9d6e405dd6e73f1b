//! Stripe payments inside PostgreSQL.
//!
//! A table of contents: what exists, in install order. What happens to an event is told in `webhook.rs`.

mod clock;
mod definer;
mod entrance;
mod error;
mod fulfillment;
mod identity;
mod operate;
mod own_trigger;
mod pg;
mod precondition;
mod price_names;
mod project;
mod projection_lock;
mod session;
mod settings;
mod trust;
mod webhook;
mod webhook_batch;
mod webhook_event;
mod webhook_secrets;

#[cfg(any(test, feature = "pg_test"))]
mod tests;

use pgrx::prelude::*;

::pgrx::pg_module_magic!(name, version);

extension_sql_file!("../sql/schema/roles.sql", name = "roles", bootstrap);
extension_sql_file!("../sql/schema/tables.sql", name = "tables", requires = ["roles"]);
extension_sql_file!("../sql/schema/request_tables.sql", name = "request_tables", requires = ["tables"]);
extension_sql_file!("../sql/schema/identity.sql", name = "identity", requires = ["request_tables"]);
extension_sql_file!("../sql/schema/subjects.sql", name = "subjects", requires = ["identity", entrance::outer_role]);
extension_sql_file!(
    "../sql/schema/sessions.sql",
    name = "sessions",
    requires = [
        "subjects",
        session::checkout::guard_checkout_session,
        session::portal::guard_portal_session,
        session::redaction::keep_secrets_out
    ]
);
extension_sql_file!("../sql/schema/checkout_defaults.sql", name = "checkout_defaults", requires = ["sessions"]);
extension_sql_file!("../sql/schema/stripe_responses.sql", name = "stripe_responses", requires = ["sessions"]);
extension_sql_file!(
    "../sql/schema/subscription_requests.sql",
    name = "subscription_requests",
    requires = ["stripe_responses", session::change::guard_subscription_request]
);
extension_sql_file!("../sql/schema/requests.sql", name = "requests", requires = ["subscription_requests"]);
extension_sql_file!("../sql/schema/live.sql", name = "live", requires = ["stripe_responses"]);
extension_sql_file!("../sql/schema/policies.sql", name = "policies", requires = ["sessions"]);
extension_sql_file!("../sql/schema/grants.sql", name = "grants", requires = ["policies", "stripe_responses"]);
extension_sql_file!("../sql/schema/secrets.sql", name = "secrets", requires = ["tables"]);
extension_sql_file!(
    "../sql/schema/mappings.sql",
    name = "mappings",
    requires = ["secrets", project::triggers::follow_mapping]
);
extension_sql_file!("../sql/schema/stripe_account.sql", name = "stripe_account", requires = ["secrets"]);
extension_sql_file!(
    "../sql/schema/late_links.sql",
    name = "late_links",
    requires = ["mappings", project::triggers::adopt_payments]
);
extension_sql_file!("../sql/schema/endpoints.sql", name = "endpoints", requires = ["mappings"]);
extension_sql_file!("../sql/schema/fulfillment.sql", name = "fulfillment", requires = ["tables", "identity"]);
extension_sql_file!("../sql/schema/figures.sql", name = "figures", requires = ["tables", "fulfillment"]);
extension_sql_file!("../sql/schema/benefits.sql", name = "benefits", requires = ["fulfillment"]);
extension_sql_file!("../sql/schema/attach.sql", name = "attach", requires = ["fulfillment", "subjects"]);
extension_sql_file!("../sql/schema/paywalls.sql", name = "paywalls", requires = ["fulfillment"]);
extension_sql_file!("../sql/schema/billing.sql", name = "billing", requires = ["paywalls", "grants"]);
extension_sql_file!("../sql/schema/explain.sql", name = "explain", requires = ["fulfillment"]);
extension_sql_file!("../sql/schema/new_orders.sql", name = "new_orders", requires = ["fulfillment"]);
extension_sql_file!("../sql/schema/reads.sql", name = "reads", requires = ["fulfillment", "requests"]);
extension_sql_file!("../sql/schema/bridge.sql", name = "bridge", requires = ["requests"]);
extension_sql_file!("../sql/schema/jobs.sql", name = "jobs", requires = ["fulfillment"]);
extension_sql_file!("../sql/schema/review.sql", name = "review", requires = ["fulfillment"]);
extension_sql_file!("../sql/schema/app_tables.sql", name = "app_tables", requires = ["attach"]);
extension_sql_file!(
    "../sql/schema/projection_triggers.sql",
    name = "projection_triggers",
    requires = [
        "app_tables",
        fulfillment::triggers::project_payments,
        fulfillment::triggers::project_order,
        fulfillment::triggers::project_credits,
        fulfillment::triggers::project_entitlements,
        fulfillment::triggers::project_billing_status,
        fulfillment::triggers::project_fulfillment_job,
        fulfillment::triggers::project_subscriptions,
        fulfillment::triggers::project_late_session,
        fulfillment::triggers::project_late_price,
        fulfillment::triggers::invalidate_caches
    ]
);
extension_sql_file!(
    "../sql/schema/doctor.sql",
    name = "doctor",
    requires = ["projection_triggers", operate::doctor::webhook_secret_terms]
);
extension_sql_file!(
    "../sql/schema/doctor_stripe.sql",
    name = "doctor_stripe",
    requires = ["doctor", operate::event_types::handled_event_types]
);
extension_sql_file!("../sql/schema/doctor_app.sql", name = "doctor_app", requires = ["doctor"]);
extension_sql_file!(
    "../sql/schema/doctor_database.sql",
    name = "doctor_database",
    requires = ["doctor", operate::doctor::library_version]
);
extension_sql_file!("../sql/schema/doctor_shape.sql", name = "doctor_shape", requires = ["doctor"]);
extension_sql_file!("../sql/schema/doctor_policies.sql", name = "doctor_policies", requires = ["doctor"]);
extension_sql_file!("../sql/schema/doctor_grants.sql", name = "doctor_grants", requires = ["doctor"]);
extension_sql_file!("../sql/schema/ownership.sql", name = "ownership", finalize);

/// Called once, when the library is loaded.
#[allow(unsafe_code)]
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    // A server that runs with RUST_BACKTRACE set would put stack traces into DETAIL, and so before clients.
    // SAFETY: a backend has one thread.
    unsafe { std::env::set_var("RUST_LIB_BACKTRACE", "0") };
    pg::large_tables::watch_planning();
    settings::define();
    pg::transaction_end::watch();
}

/// What `cargo pgrx test` asks of a crate.
#[cfg(test)]
#[allow(missing_docs)]
pub mod pg_test {
    pub fn setup(_options: Vec<&str>) {}

    #[must_use]
    pub fn postgresql_conf_options() -> Vec<&'static str> {
        vec![]
    }
}
