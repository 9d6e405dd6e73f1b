//! Queries: prepared at their first use, with typed rows. The one way to SPI.
#![allow(unsafe_code)]

use std::sync::OnceLock;

use pgrx::IntoDatum;
use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
use serde::de::DeserializeOwned;

use crate::pg::plan_cache::{self, array};
use crate::pg::time::{at_unix_micros, checked_at};

/// One query of `sql/query`, prepared at its first use, its plan cached for the life of the backend.
///
/// A statement that returns rows returns one column of JSON, which serde turns into the row's type.
pub(crate) struct Statement {
    /// The query's name, by which its cached plan is found.
    pub(crate) name: &'static str,
    /// The query's text.
    pub(crate) sql: &'static str,
    /// The same for a single row, once that was asked for ([`payments_core::query_file::of_one_row`]).
    pub(crate) single: OnceLock<String>,
}

/// Declares a [`Statement`] of a file of `sql/query`: `query!(RECORD_EVENT, "webhook", "record_event")`.
macro_rules! query {
    ($visible:vis $name:ident, $file:literal, $query:literal) => {
        $visible static $name: $crate::pg::statement::Statement =
            $crate::pg::statement::Statement {
                name: $query,
                sql: $crate::pg::statement::query_text!($file, $query),
                single: std::sync::OnceLock::new(),
            };
    };
}
pub(crate) use query;

/// The text of a query of `sql/query`, for those that are not run as a [`Statement`].
macro_rules! query_text {
    ($file:literal, $query:literal) => {
        const {
            payments_core::query_file::find(
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/query/", $file, ".sql")),
                $query,
            )
        }
    };
}
pub(crate) use query_text;

/// The text of a query in which names stand in braces until it is known whose table it is about.
macro_rules! template {
    ($file:literal, $query:literal) => {
        $crate::pg::statement::query_text!($file, $query)
    };
}
pub(crate) use template;

impl Statement {
    /// Runs it and tells how many rows it affected.
    pub(crate) fn execute(&self, args: &[DatumWithOid]) -> u64 {
        plan_cache::run(self.name, self.sql, args, true).rows_affected
    }

    /// Runs it for many rows at a time and tells how many it affected.
    pub(crate) fn execute_rows(&self, rows: &Rows) -> u64 {
        let (name, sql) = self.form_for(rows);
        plan_cache::run(name, sql, rows.args(), true).rows_affected
    }

    /// What it finds for many rows at a time.
    pub(crate) fn all_of_rows<T: DeserializeOwned>(&self, rows: &Rows) -> Vec<T> {
        let (name, sql) = self.form_for(rows);
        plan_cache::run(name, sql, rows.args(), true).values.iter().map(|text| self.typed(text)).collect()
    }

    /// The name and the text of the form that takes so many rows.
    fn form_for(&self, rows: &Rows) -> (&str, &str) {
        if rows.is_single() {
            let sql = self.single.get_or_init(|| payments_core::query_file::of_one_row(self.sql));
            (sql, sql)
        } else {
            (self.name, self.sql)
        }
    }

    /// Its first row, if there is one.
    pub(crate) fn one<T: DeserializeOwned>(&self, args: &[DatumWithOid]) -> Option<T> {
        plan_cache::run(self.name, self.sql, args, true).values.first().map(|text| self.typed(text))
    }

    /// All its rows.
    pub(crate) fn all<T: DeserializeOwned>(&self, args: &[DatumWithOid]) -> Vec<T> {
        plan_cache::run(self.name, self.sql, args, true).values.iter().map(|text| self.typed(text)).collect()
    }

    /// All its rows, without assigning a transaction id: for functions that a standby or a policy calls.
    pub(crate) fn read<T: DeserializeOwned>(&self, args: &[DatumWithOid]) -> Vec<T> {
        plan_cache::run(self.name, self.sql, args, false).values.iter().map(|text| self.typed(text)).collect()
    }

    fn typed<T: DeserializeOwned>(&self, text: &str) -> T {
        typed(text, self.name)
    }
}

fn typed<T: DeserializeOwned>(row: &str, statement: &str) -> T {
    serde_json::from_str(row)
        .unwrap_or_else(|error| pgrx::error!("statement {statement} returned a row of another shape: {error}"))
}

/// Runs a statement whose text is only known at run time (its target table is the app's); its plan is cached like a file's.
/// Tells how many rows it affected, and its first value.
pub(crate) fn execute(sql: &str, args: &[DatumWithOid]) -> (u64, Option<String>) {
    let ran = plan_cache::run(sql, sql, args, true);
    (ran.rows_affected, ran.values.into_iter().next())
}

/// The rows of such a statement, as those of a file's.
pub(crate) fn query_rows<T: DeserializeOwned>(sql: &str, args: &[DatumWithOid]) -> Vec<T> {
    plan_cache::run(sql, sql, args, true).values.iter().map(|text| typed(text, sql)).collect()
}

/// The first column of what a statement finds, which is text, without assigning a transaction id and under the snapshot of the query
/// that asks: so it may stand in a policy. Its plan is cached.
pub(crate) fn read(sql: &str, args: &[DatumWithOid]) -> Vec<String> {
    plan_cache::run(sql, sql, args, false).values
}

/// Runs a statement whose text is only known at run time (its target table is the app's), unprepared.
pub(crate) fn execute_unprepared(sql: &str, args: &[DatumWithOid]) -> Option<String> {
    Spi::connect_mut(|client| {
        let rows = client.update(sql, None, args)?;
        if rows.is_empty() { Ok(None) } else { rows.first().get_one::<String>() }
    })
    .unwrap_or_else(|error: pgrx::spi::Error| pgrx::error!("{error}"))
}

/// Rows that a query takes: an array of each column, which it unnests; of a single row the plain values
/// (`payments_core::query_file::of_one_row`).
pub(crate) struct Rows<'a> {
    count: usize,
    is_single: bool,
    columns: Vec<DatumWithOid<'a>>,
}

impl<'a> Rows<'a> {
    /// So many rows, without a column so far.
    pub(crate) fn new(count: usize) -> Self {
        Self { count, is_single: count == 1, columns: Vec::new() }
    }

    /// The same for a query that has no form for a single row.
    pub(crate) fn many(count: usize) -> Self {
        Self { count, is_single: false, columns: Vec::new() }
    }

    /// With one more column, of texts.
    pub(crate) fn texts(self, values: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        self.with(values, text, pg_sys::TEXTOID, pg_sys::TEXTARRAYOID)
    }

    /// With one more column, of JSON texts that serde has read or written.
    pub(crate) fn jsons(self, values: impl IntoIterator<Item = Option<String>>) -> Self {
        let single = |value: Option<String>| value.map_or_else(DatumWithOid::null::<pgrx::Json>, as_json);
        self.with(values, single, pg_sys::JSONOID, pg_sys::JSONARRAYOID)
    }

    /// With one more column, of JSON texts that the statement casts.
    pub(crate) fn written(self, values: impl IntoIterator<Item = Option<String>>) -> Self {
        self.with(values, Into::into, pg_sys::TEXTOID, pg_sys::TEXTARRAYOID)
    }

    /// With one value for all rows.
    pub(crate) fn and(mut self, value: DatumWithOid<'a>) -> Self {
        self.columns.push(value);
        self
    }

    /// With one more column, of numbers.
    pub(crate) fn numbers(self, values: impl IntoIterator<Item = Option<i64>>) -> Self {
        self.with(values, Into::into, pg_sys::INT8OID, pg_sys::INT8ARRAYOID)
    }

    /// With one more column, of times in microseconds since 1970.
    pub(crate) fn times(self, values: impl IntoIterator<Item = Option<i64>>) -> Self {
        let values = values.into_iter().map(|micros| micros.map(at_unix_micros));
        self.with(values, Into::into, pg_sys::TIMESTAMPTZOID, pg_sys::TIMESTAMPTZARRAYOID)
    }

    /// With one more column, of times in Unix seconds.
    pub(crate) fn timestamps(self, values: impl IntoIterator<Item = Option<i64>>) -> Self {
        let values = values.into_iter().map(|seconds| seconds.map(checked_at));
        self.with(values, Into::into, pg_sys::TIMESTAMPTZOID, pg_sys::TIMESTAMPTZARRAYOID)
    }

    /// With one more column, of truths.
    pub(crate) fn booleans(self, values: impl IntoIterator<Item = bool>) -> Self {
        self.with(values.into_iter().map(Some), Into::into, pg_sys::BOOLOID, pg_sys::BOOLARRAYOID)
    }

    fn with<T: IntoDatum>(
        mut self,
        values: impl IntoIterator<Item = Option<T>>,
        single: impl Fn(Option<T>) -> DatumWithOid<'a>,
        element: pg_sys::Oid,
        of: pg_sys::Oid,
    ) -> Self {
        let mut values = values.into_iter();
        let column = if self.is_single() {
            single(values.next().flatten())
        } else {
            array(values.map(IntoDatum::into_datum), element, of)
        };
        self.columns.push(column);
        self
    }

    /// How many rows there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Whether its columns are plain values.
    pub(crate) fn is_single(&self) -> bool {
        self.is_single
    }

    /// The query's arguments.
    pub(crate) fn args(&self) -> &[DatumWithOid<'a>] {
        &self.columns
    }
}

/// The text of an array of texts.
pub(crate) fn array_text(values: &[String]) -> String {
    let quoted = |value: &String| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
    format!("{{{}}}", values.iter().map(quoted).collect::<Vec<_>>().join(","))
}

/// A text argument, or NULL.
pub(crate) fn text<'a>(value: impl Into<Option<&'a str>>) -> DatumWithOid<'a> {
    value.into().map_or_else(DatumWithOid::null::<&str>, DatumWithOid::from)
}

/// JSON text that serde has read or written, as `json`: the server would parse it a second time in a cast.
pub(crate) fn as_json(text: impl IntoDatum) -> DatumWithOid<'static> {
    // SAFETY: the datum is a copy in the current memory context; a json is stored as a text is.
    unsafe { DatumWithOid::new(text.into_datum(), pg_sys::JSONOID) }
}

/// A value as JSON text, for a statement that casts it.
pub(crate) fn json<T: serde::Serialize + ?Sized>(value: &T) -> DatumWithOid<'static> {
    // SAFETY: the datum is a copy in the current memory context; the oid is that of text.
    unsafe { DatumWithOid::new(written(value).into_datum(), pg_sys::TEXTOID) }
}

/// A value as JSON text.
pub(crate) fn written<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| pgrx::error!("a row could not be written: {error}"))
}
