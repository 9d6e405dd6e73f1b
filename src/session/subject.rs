//! Who may bill for a subject, and who may use what it bought: the registry of subject types, and the look-up in the app's membership
//! table or predicates.
//!
//! The look-up runs as the owner of that table (or function), in a security-restricted operation. So nobody has to be
//! granted anything on it, its row security neither hides a membership nor is asked in a circle, and it can do no more than
//! its owner could. Whatever is missing, raises or says NULL denies; so none of this may run in a parallel query, where there
//! are no savepoints and an error would have to pass.

use std::cell::RefCell;
use std::rc::Rc;

use pgrx::pg_catalog::pg_proc::PgProc;
use pgrx::pg_sys::Oid;
use pgrx::prelude::*;

use super::subject_type::{Predicate, Right, SubjectType, registered};
use crate::definer;
use crate::identity::current_user_id;
use crate::pg::guc::SearchPath;
use crate::pg::role::RoleScope;
use crate::pg::slot::slot;
use crate::pg::{function_call, role, savepoint, statement, transaction};

const PREDICATE: &str = statement::query_text!("session_subject", "predicate");
const KNOWN_SUBJECTS: &str = statement::query_text!("session_subject", "known_subjects");
const REGISTERED_TYPES: &str = statement::query_text!("session_subject", "registered_subject_types");

/// The type of subject that is built in: the caller.
const USER: &str = "user";

/// So many subjects are asked for in one savepoint; where one of them raises, each of them in its own.
const AT_A_TIME: usize = 100;

/// What the registry and the memberships say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SubjectAccess {
    /// The user may bill for it.
    Owns,
    /// The user may not, or there is no such subject.
    Foreign,
    /// Nobody said who may.
    Unregistered,
}

/// Whether the caller may bill for a subject; false for nobody, for unregistered types and for ids that are none.
#[pg_extern(stable)]
#[search_path(pg_catalog, pg_temp)]
fn owns_subject(subject_type: Option<&str>, subject_id: Option<&str>) -> bool {
    caller_has(Right::Bill, subject_type, subject_id)
}

/// Whether the caller may use what a subject bought: who may bill for it may, and whom the app lets use it besides.
#[pg_extern(stable)]
#[search_path(pg_catalog, pg_temp)]
fn may_use_subject(subject_type: Option<&str>, subject_id: Option<&str>) -> bool {
    caller_has(Right::Use, subject_type, subject_id)
}

fn caller_has(right: Right, subject_type: Option<&str>, subject_id: Option<&str>) -> bool {
    let (Some(kind), Some(id), Some(user)) = (subject_type, subject_id, current_user_id()) else {
        return false;
    };
    access(right, &user, kind, id) == SubjectAccess::Owns
}

/// The ids of the subjects of a type that the caller may bill for.
///
/// Made for policies: `team_id::text in (select payments.my_subjects('team'))` is looked up once per query. Of a type with a
/// predicate of the app's own, it tries those that the caller's own sessions name, and those that money or a backend made known: of
/// mappings, subscriptions, invoices and a backend's sessions. What other callers asked for is not tried.
#[pg_extern(stable)]
#[search_path(pg_catalog, pg_temp)]
fn my_subjects(subject_type: Option<&str>) -> SetOfIterator<'static, String> {
    SetOfIterator::new(subjects_of_caller(Right::Bill, subject_type))
}

/// The ids of the subjects of a type whose purchases the caller may use; otherwise as `my_subjects`.
#[pg_extern(stable)]
#[search_path(pg_catalog, pg_temp)]
fn my_usable_subjects(subject_type: Option<&str>) -> SetOfIterator<'static, String> {
    SetOfIterator::new(subjects_of_caller(Right::Use, subject_type))
}

fn subjects_of_caller(right: Right, subject_type: Option<&str>) -> Vec<String> {
    match (subject_type, current_user_id()) {
        (Some(kind), Some(user)) => subjects_of(right, &user, kind),
        _ => Vec::new(),
    }
}

/// The subjects of every type that the caller may bill for.
#[pg_extern(stable)]
#[search_path(pg_catalog, pg_temp)]
fn my_subjects_of_all_types() -> TableIterator<'static, (name!(subject_type, String), name!(subject_id, String))> {
    current_user_id().map_or_else(TableIterator::empty, |user| subjects_of_all_types(Right::Bill, &user))
}

/// The subjects of every type whose purchases the caller may use.
#[pg_extern(stable)]
#[search_path(pg_catalog, pg_temp)]
fn my_usable_subjects_of_all_types() -> TableIterator<'static, (name!(subject_type, String), name!(subject_id, String))>
{
    current_user_id().map_or_else(TableIterator::empty, |user| subjects_of_all_types(Right::Use, &user))
}

/// The same for a user that one of our functions names.
#[pg_extern(stable)]
#[search_path(pg_catalog, pg_temp)]
fn usable_subjects_of(
    user_id: Option<&str>,
) -> TableIterator<'static, (name!(subject_type, String), name!(subject_id, String))> {
    definer::require_inside();
    let named = user_id.filter(|user| !user.is_empty());
    named.map_or_else(TableIterator::empty, |user| subjects_of_all_types(Right::Use, user))
}

fn subjects_of_all_types(
    right: Right,
    user: &str,
) -> TableIterator<'static, (name!(subject_type, String), name!(subject_id, String))> {
    let types = std::iter::once(USER.to_owned()).chain(definer::read(|| statement::read(REGISTERED_TYPES, &[])));
    let subjects: Vec<(String, String)> =
        types.flat_map(|kind| subjects_of(right, user, &kind).into_iter().map(move |id| (kind.clone(), id))).collect();
    TableIterator::new(subjects)
}

/// Whether `user` may bill for a subject.
pub(crate) fn owns(user: &str, kind: &str, id: &str) -> SubjectAccess {
    access(Right::Bill, user, kind, id)
}

fn access(right: Right, user: &str, kind: &str, id: &str) -> SubjectAccess {
    let said = |owns| if owns { SubjectAccess::Owns } else { SubjectAccess::Foreign };
    if kind == USER {
        return said(user == id);
    }
    let Some(registered) = registered(kind) else {
        return SubjectAccess::Unregistered;
    };
    if registered.members.is_none() {
        return said(!granted(&registered, right, user, vec![id.to_owned()]).is_empty());
    }
    said(memberships(&registered, right, kind, user).is_some_and(|found| found.iter().any(|one| one == id)))
}

fn subjects_of(right: Right, user: &str, kind: &str) -> Vec<String> {
    if kind == USER {
        return vec![user.to_owned()];
    }
    let Some(registered) = registered(kind) else {
        return Vec::new();
    };
    if registered.members.is_none() {
        let known = definer::read(|| statement::read(KNOWN_SUBJECTS, &[statement::text(kind), statement::text(user)]));
        return granted(&registered, right, user, known);
    }
    memberships(&registered, right, kind, user).map(|found| found.to_vec()).unwrap_or_default()
}

/// What was looked up last: the snapshot, the membership table, the type and the user.
type Asked = (transaction::SnapshotId, Option<u32>, String, String);

type Found = RefCell<Option<(Asked, Rc<[String]>)>>;

/// What was looked up last for each right, as one statement may ask for both.
#[derive(Default)]
struct Last {
    bill: Found,
    uses: Found,
}

/// The subjects for which the membership table gives a user a right. What guard and policies of one statement ask is looked up once.
fn memberships(registered: &SubjectType, right: Right, kind: &str, user: &str) -> Option<Rc<[String]>> {
    let asked = transaction::snapshot_id().map(|seen| (seen, registered.members, kind.to_owned(), user.to_owned()));
    let last = slot::<Last>();
    let last = match right {
        Right::Bill => &last.bill,
        Right::Use => &last.uses,
    };
    if let (Some((known, found)), Some(asked)) = (&*last.borrow(), &asked)
        && known == asked
    {
        return Some(found.clone());
    }
    let found: Rc<[String]> = looked_up(registered, right, user)?.into();
    if let Some(asked) = asked {
        *last.borrow_mut() = Some((asked, found.clone()));
    }
    Some(found)
}

fn looked_up(registered: &SubjectType, right: Right, user: &str) -> Option<Vec<String>> {
    let look_up = registered.look_up.as_ref()?;
    if !look_up.member.holds(user) {
        return None;
    }
    let owner = look_up.runs_as(registered)?;
    savepoint::ok_or_none(|| {
        role::with_role(owner, RoleScope::Asking(SearchPath::Pinned), || {
            statement::read(look_up.sql(right), &[statement::text(user)])
        })
    })
}

/// The ids for which the app's own predicates give a user a right. Whom the one for using denies may use what he may bill for.
fn granted(registered: &SubjectType, right: Right, user: &str, ids: Vec<String>) -> Vec<String> {
    let for_using = registered.use_predicate.as_ref().filter(|_| right == Right::Use);
    let mut wanted: Vec<(String, bool)> = ids.into_iter().map(|id| (id, false)).collect();
    for predicate in [for_using, registered.predicate.as_ref()].into_iter().flatten() {
        let denied: Vec<&mut (String, bool)> = wanted.iter_mut().filter(|(_, may)| !may).collect();
        let ids: Vec<&str> = denied.iter().map(|(id, _)| id.as_str()).collect();
        let answers = asked(predicate, user, &ids);
        denied.into_iter().zip(answers).for_each(|((_, may), answer)| *may = answer);
    }
    wanted.into_iter().filter(|(_, may)| *may).map(|(id, _)| id).collect()
}

/// What a predicate says of each id: nothing where it is gone, or is not its owner's any more.
fn asked(predicate: &Predicate, user: &str, ids: &[&str]) -> Vec<bool> {
    let Some((function, owner)) = function_of(predicate) else { return Vec::new() };
    let ask = |ids: &[&str]| {
        savepoint::ok_or_none(|| {
            role::with_role(owner, RoleScope::Asking(SearchPath::Ordinary), || {
                function_call::call_for_each(function, user, ids)
            })
        })
        .unwrap_or_default()
    };
    let each = |part: &[&str]| {
        let answers = ask(part);
        if answers.len() == part.len() {
            return answers;
        }
        part.iter().map(|id| ask(&[*id]).first().is_some_and(|owns| *owns)).collect()
    };
    ids.chunks(AT_A_TIME).flat_map(each).collect()
}

/// The function that was registered, and as whom it runs. A namesake of somebody else's is none, nor is one that changed hands.
fn function_of(predicate: &Predicate) -> Option<(Oid, Oid)> {
    let found = definer::read(|| statement::read(PREDICATE, &[statement::text(predicate.signature.as_str())]));
    let function = Oid::from(found.first()?.parse::<u32>().ok()?);
    let owner = PgProc::new(function)?.proowner();
    (predicate.trust.is_owner(owner) && predicate.trust.may_run_as(owner) && role::may_execute(owner, function))
        .then_some((function, owner))
}
