//! Webhook secrets: set by an admin, read by nobody but `receive`, and neither written nor read through SQL, so that no
//! statement log, plan or trigger can show one and nothing of a caller's runs as the table's owner. See
//! `sql/schema/secrets.sql`.

use payments_core::stripe::event::Environment;
use pgrx::datum::Interval;
use pgrx::prelude::*;

use crate::error::{Error, OrRaise};
use crate::pg::secret_table::{insert, retire, valid, with_table};
use crate::pg::{advisory_lock, guc, time};
use crate::precondition::environment_of;
use crate::trust;

/// The longest that earlier secrets may stay valid, in months of thirty days.
const MAX_KEEP_MONTHS: i64 = 1200;

/// Sets the signing secret of an environment's webhook endpoint.
///
/// The secrets so far stay valid for `keep_previous`, so that an endpoint's secret can be rolled without losing an event.
/// What the server may log of the statement, and how to leave no trace: docs/security.md.
///
/// # Errors
/// 22023: the environment is none, the secret is not usable, or `keep_previous` is negative or longer than a century.
/// Source: <https://docs.stripe.com/webhooks#roll-endpoint-secrets>.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn set_webhook_secret(
    environment: Option<&str>,
    secret: Option<&str>,
    keep_previous: default!(Option<Interval>, "'24 hours'"),
) {
    guc::hide_statement_from_log();
    trust::require_admin().or_raise();
    let environment = environment.and_then(Environment::parse).ok_or_else(unnamed_environment).or_raise();
    let secret = usable(secret).or_raise();
    let keep = keep_previous.unwrap_or_else(|| Interval::from_seconds(0.0));
    let until = kept_until(keep).or_raise();
    // Of two who set it at once the second waits, and retires what the first has set.
    advisory_lock::lock(&["webhook secrets"]);
    with_table(pg_sys::RowExclusiveLock, |table| {
        retire(table, environment, secret, until);
        insert(table, environment, secret);
    });
}

/// The arguments may be swapped, so what was given for an environment may be the secret.
fn unnamed_environment() -> Error {
    Error::Argument(
        "environment must be test or live",
        "What was given is not shown, for it may be the secret.".to_owned(),
        "Pass 'test' or 'live', then the secret.",
    )
}

/// Until when the secrets so far are valid.
fn kept_until(keep: Interval) -> Result<i64, Error> {
    let months = i64::from(keep.months()) + i64::from(keep.days()) / 30 + keep.micros() / (30 * 24 * 3_600_000_000);
    let negative = keep.months() < 0 || keep.days() < 0 || keep.micros() < 0;
    if negative || months > MAX_KEEP_MONTHS {
        let given = if negative { "It is negative." } else { "It is longer than a hundred years." };
        return Err(Error::Argument(
            "keep_previous is out of range",
            given.to_owned(),
            "Pass how long the secrets so far stay valid, such as '24 hours'; '0' ends them at once.",
        ));
    }
    Ok(time::from_now(keep))
}

/// Whether an environment has a secret to verify with.
#[pg_extern(stable)]
#[search_path(pg_catalog, pg_temp)]
fn has_webhook_secret(environment: Option<&str>) -> bool {
    trust::require_admin().or_raise();
    let environment = environment_of(environment).or_raise();
    !valid(environment).is_empty()
}

fn usable(secret: Option<&str>) -> Result<&str, Error> {
    let secret = secret.ok_or(Error::Missing("secret"))?;
    if secret.trim().is_empty() {
        return Err(Error::BadSecret("It is empty."));
    }
    if secret.starts_with("sk_") || secret.starts_with("rk_") || secret.starts_with("pk_") {
        return Err(Error::BadSecret("It is an API key, not an endpoint's signing secret."));
    }
    if secret.trim() != secret || !secret.starts_with("whsec_") {
        return Err(Error::BadSecret("It does not begin with whsec_, or has blanks around it."));
    }
    if secret.len() == "whsec_".len() || secret.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Error::BadSecret("Nothing follows whsec_, or it holds blanks or control characters."));
    }
    Ok(secret)
}
