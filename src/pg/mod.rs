//! What Postgres makes us do. Only here and at entry points of the server is there `unsafe`.

pub(crate) mod advisory_lock;
pub(crate) mod cache;
pub(crate) mod catalog;
pub(crate) mod column_value;
pub(crate) mod constraint;
pub(crate) mod function_call;
pub(crate) mod grant;
pub(crate) mod guc;
pub(crate) mod jsonb;
pub(crate) mod large_tables;
pub(crate) mod notify;
pub(crate) mod our_role;
pub(crate) mod plan_cache;
pub(crate) mod role;
pub(crate) mod savepoint;
pub(crate) mod secret_table;
pub(crate) mod slot;
pub(crate) mod statement;
pub(crate) mod time;
pub(crate) mod transaction;
pub(crate) mod transaction_end;
pub(crate) mod trigger_row;
pub(crate) mod trigger_rows;
pub(crate) mod uuid;
