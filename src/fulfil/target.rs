//! One of the app's tables: its statements with its own names in them, and writing to it as its owner.

use std::collections::BTreeMap;

use payments_core::fulfil::order::KeyType;
use pgrx::datum::DatumWithOid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use serde::Deserialize;

use super::{Kind, known, wallet};
use crate::db::{Failure, as_owner_of, dynamic, kept, read, savepoint};

/// A table that the projection was attached to.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Target {
    /// Its name when it was attached; the fulfilments know it by that.
    pub(super) relation: String,
    oid: u32,
    /// Its quoted name now; none when it is gone.
    name: Option<String>,
    columns: BTreeMap<String, Column>,
    /// The type of its key, for orders.
    pub(super) key_type: KeyType,
    /// Whether its id grows with every row, so that the last row tells the balance.
    pub(super) numbered: bool,
    /// Which subjects a billing status is for.
    pub(super) subject_type: Option<String>,
    deferrable: Option<Vec<String>>,
}

/// A column of such a table, quoted, and its type.
#[derive(Debug, Clone, Deserialize)]
struct Column {
    column: String,
    #[serde(rename = "type")]
    kind: String,
}

impl Target {
    /// Its identity in this database.
    pub(super) fn oid(&self) -> pg_sys::Oid {
        pg_sys::Oid::from_u32(self.oid)
    }

    /// The first table of a kind; raises 55000 where there is none.
    pub(super) fn first(kind: Kind) -> Self {
        known::targets(kind).first().cloned().unwrap_or_else(|| {
            ErrorReport::new(
                PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("no table is attached as {}", kind.name()),
                "payments",
            )
            .set_detail("There is nowhere to read it from or write it to.")
            .set_hint("Call payments.create_app_tables(), or payments.attach(…) with a table of yours.")
            .report(PgLogLevel::ERROR);
            unreachable!("an error was raised")
        })
    }

    /// Whether a value can be in this column at all; a malformed id names nothing.
    pub(super) fn can_name(&self, column: &str, value: &str) -> bool {
        self.columns.get(column).is_none_or(|column| wallet::is_key(value, &column.kind))
    }

    /// Whether the table has this column.
    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    /// A template of `sql/target` with this table's names. A line that names a column the table lacks is left out.
    pub(super) fn render(&self, template: &str) -> String {
        let mut sql = String::with_capacity(template.len() + 64);
        for line in template.lines().filter(|line| !line.starts_with("--")) {
            if let Some(line) = self.render_line(line) {
                sql.push_str(&line);
                sql.push('\n');
            }
        }
        sql
    }

    fn render_line(&self, line: &str) -> Option<String> {
        let mut rendered = String::with_capacity(line.len());
        let mut rest = line;
        while let Some((before, after)) = rest.split_once('{') {
            let (placeholder, after) = after.split_once('}')?;
            rendered.push_str(before);
            rendered.push_str(match placeholder.split_once(':') {
                Some((column, _)) => &self.columns.get(column)?.kind,
                None if placeholder == "target" => self.name.as_deref().unwrap_or("gone"),
                None => &self.columns.get(placeholder)?.column,
            });
            rest = after;
        }
        rendered.push_str(rest);
        Some(rendered)
    }

    /// Runs one of its statements: how many rows it touched, and its first value.
    pub(super) fn run(&self, template: &str, args: &[DatumWithOid]) -> (u64, Option<String>) {
        kept(&self.render(template), args)
    }

    /// Reads with one of its statements: the first value. Assigns no transaction id.
    pub(super) fn read(&self, template: &str, args: &[DatumWithOid]) -> Option<String> {
        read(&self.render(template), args).into_iter().next()
    }

    /// Does `work` as the table's owner; what fails, fails the caller.
    pub(super) fn must<T>(&self, work: impl FnOnce() -> T) -> T {
        as_owner_of(self.oid(), work).unwrap_or_else(|| error!("table {} is gone", self.relation))
    }

    /// Does `work` as the table's owner, in a savepoint: all of it, or nothing and why.
    pub(super) fn attempt<T>(&self, work: impl FnOnce() -> T) -> Result<T, Failure> {
        let gone =
            || Failure { sqlstate: "42P01".into(), message: format!("table {} is gone", self.relation), detail: None };
        if self.name.is_none() {
            return Err(gone());
        }
        savepoint(|| {
            as_owner_of(self.oid(), || {
                // A constraint left to the commit would run outside of this operation, with somebody else's rights.
                self.constraints(include_str!("../../sql/target/constraints_immediate.sql"));
                let result = work();
                self.constraints(include_str!("../../sql/target/constraints_deferred.sql"));
                result
            })
        })?
        .ok_or_else(gone)
    }

    fn constraints(&self, template: &str) {
        if let Some(names) = &self.deferrable {
            dynamic(&template.replace("{constraints}", &names.join(", ")), &[]);
        }
    }
}
