//! The registry of subject types, cached by each backend. To register a type, or remove one, changes the policies on the session tables in
//! the same transaction. So a change of `checkout_sessions` invalidates the cache.

use std::cell::RefCell;
use std::rc::Rc;

use pgrx::pg_sys::Oid;
use pgrx::prelude::*;
use serde::Deserialize;

use crate::definer;
use crate::pg::cache::{Cache, cached, watch};
use crate::pg::column_value::as_text;
use crate::pg::slot::slot;
use crate::pg::statement::{self, query, query_text, template, text};
use crate::pg::uuid::is_uuid;
use crate::pg::{catalog, role};

const MEMBERSHIP: &str = template!("session_subject_type", "membership");
const REGISTERED: &str = query_text!("session_subject_type", "registered_subject_type");
const VIEWS_READ: &str = query_text!("session_subject_type", "views_read");

/// What a user may do with a subject. Whoever may bill for it may use it, too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    /// Open checkout and portal sessions for it.
    Bill,
    /// Enjoy what it paid for.
    Use,
}

/// How an app said who may bill for a type of subject, and who may use it.
#[derive(Deserialize)]
pub(super) struct SubjectType {
    pub(super) members: Option<u32>,
    pub(super) subject_column: Option<String>,
    pub(super) user_column: Option<String>,
    pub(super) role_column: Option<String>,
    pub(super) roles: Option<Vec<String>>,
    pub(super) use_roles: Option<Vec<String>>,
    /// The app's own function for billing.
    pub(super) predicate: Option<Predicate>,
    /// That for using; none where whoever may bill is all who may use.
    pub(super) use_predicate: Option<Predicate>,
    /// As whom the membership table may be asked.
    #[serde(flatten)]
    pub(super) trust: Trust,
    /// How its membership table is asked; none where that or a column is gone.
    #[serde(skip)]
    pub(super) look_up: Option<LookUp>,
}

/// A function of the app's own that answers for a right.
#[derive(Deserialize)]
pub(super) struct Predicate {
    pub(super) signature: String,
    #[serde(flatten)]
    pub(super) trust: Trust,
}

/// What was known of a table or a predicate when it was registered.
#[derive(Deserialize)]
pub(super) struct Trust {
    /// Who owned it.
    owner: String,
    /// Whether a superuser registered what that superuser, or another, owns.
    said_by_superuser: bool,
}

/// The types of subjects, by name.
#[derive(Default)]
struct Types(RefCell<Cache<String, Option<Rc<SubjectType>>>>);

/// How a type of subject was registered; `None` where nobody said.
pub(super) fn registered(kind: &str) -> Option<Rc<SubjectType>> {
    cached(&slot::<Types>().0, &[catalog::payments_table(c"checkout_sessions")], kind.to_owned(), |kind| {
        let found = definer::read(|| statement::read(REGISTERED, &[text(kind.as_str())]));
        let found = found.first().and_then(|row| serde_json::from_str(row).ok());
        let found = found
            .map(|registered: SubjectType| Rc::new(SubjectType { look_up: LookUp::of(&registered), ..registered }));
        // Whoever asks may make up any number of types that nobody registered.
        let keep = found.is_some();
        (found, keep)
    })
}

query!(SUBJECT_POLICIES, "session_subject_type", "subject_policies");
query!(SUBJECT_POLICY_DROPS, "session_subject_type", "subject_policy_drops");

/// Creates the policies of a type of subject on the session tables, in place of those that are there.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn make_subject_policies(subject_type: &str, by_predicate: bool) {
    drop_subject_policies(subject_type);
    definer::run_ddl(&SUBJECT_POLICIES.all::<String>(&[text(subject_type), by_predicate.into()]));
}

/// Drops them: from now on nobody may bill for the type.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn drop_subject_policies(subject_type: &str) {
    definer::require_inside();
    definer::run_ddl(&SUBJECT_POLICY_DROPS.all::<String>(&[text(subject_type)]));
}

impl SubjectType {
    /// The roles of members that have a right; `None` where every member has it.
    fn roles_that_may(&self, right: Right) -> Option<Vec<&str>> {
        let bill = self.roles.as_ref()?;
        let uses = match right {
            Right::Bill => &[][..],
            Right::Use => self.use_roles.as_deref()?,
        };
        Some(bill.iter().chain(uses).map(String::as_str).collect())
    }
}

impl Trust {
    /// Whether a look-up may run as this role. As a superuser only on a superuser's word, which was given for the one who owned it then.
    pub(super) fn may_run_as(&self, owner: Oid) -> bool {
        !role::is_superuser(owner) || (self.said_by_superuser && self.is_owner(owner))
    }

    /// Whether a role owned it when it was registered.
    pub(super) fn is_owner(&self, role: Oid) -> bool {
        role::role_name(role).as_deref() == Some(self.owner.as_str())
    }
}

/// What a view reads through: other views, too.
#[derive(Deserialize)]
struct ViewsRead {
    views: Vec<u32>,
    asks_as_invoker: bool,
}

/// How a membership table is asked: by which statement for each right, as whom, and of which users.
pub(super) struct LookUp {
    bill: String,
    uses: String,
    table: Oid,
    owner: Oid,
    pub(super) member: ColumnType,
}

impl LookUp {
    fn of(registered: &SubjectType) -> Option<Self> {
        let table = Oid::from(registered.members?);
        watch(&[table]);
        if catalog::is_view(table) {
            let found = definer::read(|| statement::read(VIEWS_READ, &[text(table.to_string().as_str())]));
            let found: ViewsRead = serde_json::from_str(found.first()?).ok()?;
            // A view below it may be altered later, which invalidates only that view.
            watch(&found.views.into_iter().map(Oid::from).collect::<Vec<_>>());
            if found.asks_as_invoker {
                return None;
            }
        }
        let owner = catalog::owner_of(table)?;
        let subject = Column::of(table, registered.subject_column.as_deref()?)?;
        let member = Column::of(table, registered.user_column.as_deref()?)?;
        let role = match registered.role_column.as_deref() {
            Some(column) => Some(Column::of(table, column)?),
            None => None,
        };
        let members = catalog::qualified_name(table)?;
        let look_up = |right| {
            let mut conditions = vec![member.equals(1)];
            if let Some(roles) = registered.roles_that_may(right) {
                conditions.push(role.as_ref()?.is_one_of(&serde_json::to_string(&roles).ok()?));
            }
            let sql = MEMBERSHIP
                .replace("{subject}", &subject.name)
                .replace("{subject_text}", &subject.text())
                .replace("{members}", &members)
                .replace("{conditions}", &conditions.join(" and "));
            Some(sql)
        };
        Some(Self { bill: look_up(Right::Bill)?, uses: look_up(Right::Use)?, table, owner, member: member.kind })
    }

    /// The statement that asks for a right.
    pub(super) fn sql(&self, right: Right) -> &str {
        match right {
            Right::Bill => &self.bill,
            Right::Use => &self.uses,
        }
    }

    /// As whom it is asked, if that may be. What a superuser owns is looked at again, and kept from changing hands meanwhile.
    pub(super) fn runs_as(&self, registered: &SubjectType) -> Option<Oid> {
        let owner = if role::is_superuser(self.owner) { catalog::owner_of(self.table)? } else { self.owner };
        registered.trust.may_run_as(owner).then_some(owner)
    }
}

/// A column of the app's, and how a text is compared with it so that its index serves.
struct Column {
    name: String,
    base: Oid,
    kind: ColumnType,
}

/// What a column holds.
#[derive(Clone, Copy)]
pub(super) enum ColumnType {
    Uuid,
    Integer(i64, i64),
    Text,
    /// Another type of the server's own.
    Other,
    /// A type that somebody made.
    Made,
}

impl ColumnType {
    /// Whether a text is such a value as the server would write it. Any other spelling of it denies: subjects are compared
    /// as text elsewhere, and one subject must not have two names.
    pub(super) fn holds(self, text: &str) -> bool {
        match self {
            Self::Uuid => is_uuid(text),
            Self::Integer(least, most) => {
                text.parse::<i64>().is_ok_and(|n| (least..=most).contains(&n) && n.to_string() == text)
            }
            Self::Text | Self::Other | Self::Made => true,
        }
    }
}

impl Column {
    fn of(table: Oid, name: &str) -> Option<Self> {
        let base = catalog::column_type(table, name)?;
        let kind = match base {
            pg_sys::UUIDOID => ColumnType::Uuid,
            pg_sys::INT8OID => ColumnType::Integer(i64::MIN, i64::MAX),
            pg_sys::INT4OID => ColumnType::Integer(i32::MIN.into(), i32::MAX.into()),
            pg_sys::INT2OID => ColumnType::Integer(i16::MIN.into(), i16::MAX.into()),
            pg_sys::TEXTOID | pg_sys::VARCHAROID => ColumnType::Text,
            made if made.to_u32() >= pg_sys::FirstNormalObjectId => ColumnType::Made,
            _ => ColumnType::Other,
        };
        Some(Self { name: pgrx::spi::quote_identifier(name), base, kind })
    }

    fn text(&self) -> String {
        as_text(&format!("m.{}", self.name), self.base)
    }

    fn equals(&self, argument: usize) -> String {
        let name = &self.name;
        match self.kind {
            ColumnType::Uuid => format!("m.{name} operator(pg_catalog.=) ${argument}::pg_catalog.uuid"),
            ColumnType::Integer(..) => format!("m.{name} operator(pg_catalog.=) ${argument}::pg_catalog.int8"),
            ColumnType::Text => format!("m.{name} operator(pg_catalog.=) ${argument}::pg_catalog.text"),
            ColumnType::Other | ColumnType::Made => {
                format!("{} operator(pg_catalog.=) ${argument}::pg_catalog.text", self.text())
            }
        }
    }

    fn is_one_of(&self, values: &str) -> String {
        let values = pgrx::spi::quote_literal(values);
        format!("({values}::pg_catalog.jsonb) operator(pg_catalog.?) {}", self.text())
    }
}
