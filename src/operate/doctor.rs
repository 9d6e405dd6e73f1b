//! What the doctor asks the library: its version, and since when and until when webhook secrets are valid. The checks are SQL: `sql/schema/doctor.sql`.

use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;

use crate::error::OrRaise;
use crate::pg::secret_table;
use crate::precondition::environment_of;
use crate::trust;

/// The version of the library that this backend has loaded.
#[pg_extern(stable)]
#[search_path(pg_catalog, pg_temp)]
fn library_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Since when, and until when, each secret of an environment that is valid now is so; nothing of the secret itself.
#[pg_extern(stable)]
#[search_path(pg_catalog, pg_temp)]
fn webhook_secret_terms(
    environment: Option<&str>,
) -> TableIterator<
    'static,
    (name!(valid_from, Option<TimestampWithTimeZone>), name!(valid_until, Option<TimestampWithTimeZone>)),
> {
    trust::require_admin().or_raise();
    let environment = environment_of(environment).or_raise();
    let time = |micros| TimestampWithTimeZone::try_from(micros).ok();
    let terms = secret_table::terms(environment);
    TableIterator::new(terms.into_iter().map(move |(from, until)| (time(from), until.and_then(time))))
}
