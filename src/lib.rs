//! Stripe payments inside PostgreSQL.
//!
//! A table of contents: what exists, in install order. What happens to an event is told in `webhook.rs`.

use pgrx::prelude::*;

::pgrx::pg_module_magic!(name, version);

extension_sql_file!("../sql/schema/roles.sql", name = "roles", bootstrap);
extension_sql_file!("../sql/schema/tables.sql", name = "tables", requires = ["roles"]);
extension_sql_file!("../sql/schema/ownership.sql", name = "ownership", finalize);
