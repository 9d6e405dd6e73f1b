//! One of the app's tables: its statements with its own names in them, and writing to it as its owner.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use payments_core::fulfillment::app_key::{KeyType, key};
use payments_core::query_file::of_one_row;
use pgrx::datum::DatumWithOid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::pg::catalog::{column_type, owner_of};
use crate::pg::column_value::{array_of, as_text, as_type, qualified_name};
use crate::pg::constraint;
use crate::pg::guc::with_lock_timeout;
use crate::pg::role::{RoleScope, is_superuser, with_role};
use crate::pg::savepoint::{Failure, savepoint_of_app};
use crate::pg::statement::{Rows, execute, query_rows, read, template};

/// How long a write waits for a lock that somebody else has on the app's table or row, in milliseconds: then it is `failed`,
/// and the payment is not kept waiting.
pub(super) const LOCK_TIMEOUT_MS: i32 = 5000;

const NUMBERED: &str = template!("fulfillment_target", "balance_numbered");
const SUMMED: &str = template!("fulfillment_target", "balance_summed");
const ORDER_ROW: &str = template!("fulfillment_target", "order_row");

/// A table that the projection was attached to.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Target {
    /// Its name when it was attached; the fulfillments know it by that.
    pub(super) relation: String,
    oid: u32,
    /// Its quoted name now; none when it is gone.
    name: Option<String>,
    columns: BTreeMap<String, Column>,
    /// Whether its id grows with every row, so that the last row tells the balance.
    pub(super) numbered: bool,
    /// Whether each new line tells when it was written.
    pub(super) dates_lines: bool,
    /// Which subjects a billing status is for.
    pub(super) subject_type: Option<String>,
    /// Whether a superuser may own it, as somebody has said.
    superuser_owner: bool,
    /// Its statements.
    #[serde(skip)]
    rendered: Rc<RefCell<Renderings>>,
}

/// Templates with a table's names in them, by their place and whether they are for a single row.
type Renderings = HashMap<(usize, bool), Rc<Rendered>>;

/// A template with a table's names in it.
#[derive(Debug, Default)]
struct Rendered {
    sql: String,
    /// The parameters, counted from 0, that are given as values of a column's type, `$1::{id:type}`, and which type that is.
    typed: Vec<(usize, pg_sys::Oid)>,
}

/// A column of such a table, quoted, and its type; of a domain that below it.
#[derive(Debug, Clone, Deserialize)]
struct Column {
    column: String,
    #[serde(rename = "type")]
    kind: String,
}

impl Column {
    /// Its name as the catalog has it.
    fn bare(&self) -> String {
        let quoted = self.column.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
        quoted.map_or_else(|| self.column.clone(), |name| name.replace("\"\"", "\""))
    }
}

impl Target {
    /// Its identity in this database.
    pub(super) fn oid(&self) -> pg_sys::Oid {
        pg_sys::Oid::from_u32(self.oid)
    }

    /// The value as a key of this column's type; none where it is malformed and so names nothing.
    pub(super) fn key(&self, column: &str, value: &str) -> Option<String> {
        key(value, self.columns.get(column).map_or(KeyType::Text, |column| KeyType::of(&column.kind)))
    }

    /// Whether a value can be in this column at all, or the table has no such column.
    pub(super) fn can_name(&self, column: &str, value: &str) -> bool {
        !self.has(column) || self.key(column, value).is_some()
    }

    /// Whether the table is still there.
    pub(super) fn is_there(&self) -> bool {
        self.name.is_some()
    }

    /// Whether the table has this column.
    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    /// A template with this table's names. A line that names a column the table lacks is left out.
    fn render(&self, template: &'static str) -> Rc<Rendered> {
        self.render_as(template, false)
    }

    /// The same, for a single row if so.
    fn render_as(&self, template: &'static str, of_one: bool) -> Rc<Rendered> {
        let key = (template.as_ptr().addr(), of_one);
        if let Some(known) = self.rendered.borrow().get(&key) {
            return Rc::clone(known);
        }
        let text = if of_one { Cow::Owned(of_one_row(template)) } else { Cow::Borrowed(template) };
        let rendered = Rc::new(self.render_anew(&text));
        self.rendered.borrow_mut().insert(key, Rc::clone(&rendered));
        rendered
    }

    fn render_anew(&self, template: &str) -> Rendered {
        let mut rendered = Rendered::default();
        for line in template.lines().filter(|line| !line.starts_with("--")) {
            if let Some(line) = self.render_line(line) {
                rendered.sql.push_str(&line.sql);
                rendered.sql.push('\n');
                rendered.typed.extend(line.typed);
            }
        }
        rendered
    }

    fn render_line(&self, line: &str) -> Option<Rendered> {
        let mut rendered = Rendered::default();
        let mut rest = line;
        while let Some((before, after)) = rest.split_once('{') {
            let (placeholder, after) = after.split_once('}')?;
            rendered.sql.push_str(before);
            let part = match placeholder {
                "balance" => Some(if self.numbered { NUMBERED } else { SUMMED }),
                "order_row" => Some(ORDER_ROW),
                _ => None,
            };
            if let Some(part) = part {
                rendered.sql.push_str(self.render_anew(part).sql.trim_end());
                rest = after;
                continue;
            }
            match placeholder.split_once(':') {
                Some((column, "type")) => {
                    let kind = self.type_of(column)?;
                    rendered.typed.extend(
                        parameter_before(before)
                            .map(|parameter| (parameter, if after.starts_with("[]") { array_of(kind) } else { kind })),
                    );
                    rendered.sql.push_str(&qualified_name(kind));
                }
                Some((column, _)) => rendered.sql.push_str(&self.text_of(column)?),
                None if placeholder == "target" => rendered.sql.push_str(self.name.as_deref().unwrap_or("gone")),
                None => rendered.sql.push_str(&self.columns.get(placeholder)?.column),
            }
            rest = after;
        }
        rendered.sql.push_str(rest);
        Some(rendered)
    }

    /// The type of a column, under its domains; that of text where the app has taken the column away since.
    fn type_of(&self, column: &str) -> Option<pg_sys::Oid> {
        let column = self.columns.get(column)?;
        Some(column_type(self.oid(), &column.bare()).unwrap_or(pg_sys::TEXTOID))
    }

    /// A column as text, of the table or of an alias of it: `status`, `e.key`.
    fn text_of(&self, column: &str) -> Option<String> {
        let (alias, name) = column.split_once('.').map_or((None, column), |(alias, name)| (Some(alias), name));
        let quoted = &self.columns.get(name)?.column;
        let reference = alias.map_or_else(|| quoted.clone(), |alias| format!("{alias}.{quoted}"));
        Some(as_text(&reference, self.type_of(name)?))
    }

    /// Runs one of its statements: how many rows it touched, and its first value.
    pub(super) fn run(&self, template: &'static str, args: &[DatumWithOid]) -> (u64, Option<String>) {
        let rendered = self.render(template);
        execute(&rendered.sql, &rendered.given(args))
    }

    /// Runs one of its statements for many rows at a time: how many it touched, and its first value.
    pub(super) fn run_rows(&self, template: &'static str, rows: &Rows) -> (u64, Option<String>) {
        if rows.count() == 0 {
            return (0, None);
        }
        let rendered = self.render_as(template, rows.is_single());
        execute(&rendered.sql, &rendered.given(rows.args()))
    }

    /// What one of its statements finds for many rows at a time.
    pub(super) fn find_rows<T: DeserializeOwned>(&self, template: &'static str, rows: &Rows) -> Vec<T> {
        let rendered = self.render_as(template, rows.is_single());
        query_rows(&rendered.sql, &rendered.given(rows.args()))
    }

    /// Reads with one of its statements: the first value. Assigns no transaction id.
    pub(super) fn read(&self, template: &'static str, args: &[DatumWithOid]) -> Option<String> {
        let rendered = self.render(template);
        read(&rendered.sql, &rendered.given(args)).into_iter().next()
    }

    /// Does `work`, which only reads, as the table's owner; what fails, fails the caller.
    pub(super) fn read_as_owner<T>(&self, work: impl FnOnce() -> T) -> T {
        self.owner().map_or_else(|failure| raise(&failure), |owner| with_role(owner, RoleScope::Writing, work))
    }

    /// Does `work` as the table's owner; what fails, fails the caller.
    pub(super) fn write_or_raise<T>(&self, work: impl FnOnce() -> T) -> T {
        self.as_owner(work).unwrap_or_else(|failure| raise(&failure))
    }

    /// Does `work` as the table's owner, in a savepoint: all of it, or nothing and why.
    pub(super) fn try_write<T>(&self, work: impl FnOnce() -> T) -> Result<T, Failure> {
        if !self.is_there() {
            return Err(self.gone());
        }
        savepoint_of_app(|| with_lock_timeout(LOCK_TIMEOUT_MS, || self.as_owner(work)))?
    }

    /// Undoes an attempt in which a row should have been written and was not.
    pub(super) fn raise_no_effect(&self) -> ! {
        ErrorReport::new(
            PgSqlErrorCode::ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION,
            format!("writing to {} had no effect", self.relation),
            "payments",
        )
        .set_detail("A trigger, rule or policy of the table left the row as it was.")
        .report(PgLogLevel::ERROR);
        unreachable!("an error was raised")
    }

    fn as_owner<T>(&self, work: impl FnOnce() -> T) -> Result<T, Failure> {
        let owner = self.owner()?;
        Ok(write_as(owner, work))
    }

    /// Who owns it now, if that may be: a table can be given to a superuser after it was attached.
    pub(super) fn owner(&self) -> Result<pg_sys::Oid, Failure> {
        let owner = owner_of(self.oid()).filter(|_| self.is_there()).ok_or_else(|| self.gone())?;
        if is_superuser(owner) && !self.superuser_owner {
            return Err(Failure::because(
                "42501",
                format!(
                    "table {} belongs to a superuser now, which was not allowed when it was attached",
                    self.relation
                ),
            ));
        }
        Ok(owner)
    }

    fn gone(&self) -> Failure {
        Failure::because("42P01", format!("table {} is gone", self.relation))
    }
}

impl Rendered {
    /// The arguments of its statement, those of a column's type as values of that type.
    fn given<'a>(&self, args: &[DatumWithOid<'a>]) -> Vec<DatumWithOid<'a>> {
        let kind_of = |place: usize| self.typed.iter().find(|(typed, _)| *typed == place).map(|(_, kind)| *kind);
        args.iter().enumerate().map(|(place, arg)| as_type(arg, kind_of(place).unwrap_or_else(|| arg.oid()))).collect()
    }
}

/// The parameter, counted from 0, that a text ends with: 0 of `… = $1::`.
fn parameter_before(text: &str) -> Option<usize> {
    let (_, number) = text.strip_suffix("::")?.rsplit_once('$')?;
    number.parse::<usize>().ok()?.checked_sub(1)
}

/// Does `work` as the owner of the tables that it writes to. What code of his puts off to the commit would fail our own writes after
/// it, so constraints are checked at once again.
pub(super) fn write_as<T>(owner: pg_sys::Oid, work: impl FnOnce() -> T) -> T {
    let result = with_role(owner, RoleScope::Writing, work);
    constraint::check_at_once();
    result
}

/// Raises what failed where there is nobody to record it for.
fn raise(failure: &Failure) -> ! {
    let code = match failure.sqlstate.as_str() {
        "42501" => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
        _ => PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
    };
    ErrorReport::new(code, failure.message.clone(), "payments")
        .set_hint("Attach the table again, or another one.")
        .report(PgLogLevel::ERROR);
    unreachable!("an error was raised")
}
