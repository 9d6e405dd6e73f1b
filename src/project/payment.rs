//! Facts about payments: stored, joined with the other facts of the same payment, and folded into its rows.

use std::collections::{BTreeMap, BTreeSet};

use payments_core::Subject;
use payments_core::payment::by_payment::by_payment;
use payments_core::payment::context::{Context, LocalSession};
use payments_core::payment::fact::{Fact, PaymentObject};
use payments_core::payment::fold::{Folded, fold};
use payments_core::payment::object_history::by_object;
use payments_core::snapshot::is_late;
use payments_core::stripe::event::Environment;
use pgrx::datum::DatumWithOid;
use serde::Deserialize;

use crate::pg::advisory_lock::LockSpace;
use crate::pg::savepoint;
use crate::pg::statement::{Rows, Statement, array_text, query, text, written};
use crate::project::customer_mapping::MappingState;
use crate::project::invoice_row::write_invoices;
use crate::project::local_row::LocalRow;
use crate::project::local_session::{
    LocalRows, as_session, claimable, lock_session_lookup, review_unlinked, settle_sessions,
};
use crate::project::payment_group::{self, AlsoLock, GroupOrigin, Joined};
use crate::project::payment_row::{RowLocation, Written, ids, write_new_payments, write_payment, write_returns};
use crate::project::recovered_session::{Family, review};
use crate::project::{adopted, changed_mappings, customer_mapping, notices, reviews};
use crate::projection_lock::{self, is_exclusive, require_exclusive};
use crate::settings;

query!(UPSERT_FACTS, "project_payment", "upsert_facts");
query!(UPSERT_RECOVERED, "project_payment", "upsert_recovered");
query!(SUBJECTS_OF_CUSTOMERS, "project_payment", "subjects_of_customers");
query!(SUBJECTS_OF_SUBSCRIPTIONS, "project_payment", "subjects_of_subscriptions");

/// Gives each local row of a family of recovered sessions to the session that should have it now. A paid session without a row is put into
/// review.
pub(crate) fn settle_family(environment: Environment, session: &str) {
    let Some(family) = Family::of(environment, session) else { return };
    require_exclusive();
    for row in &family.rows {
        let row_owner = family.row_owner(row);
        if row_owner != row.has_it
            && let Some(group_id) = payment_group::group_of(environment, row_owner)
        {
            refold(environment, &group_id);
        }
    }
    for one in &family.relatives {
        review(environment, &family, one);
    }
}

/// Projects facts of one payment. Several facts need the exclusive lock.
pub(crate) fn project(environment: Environment, new: &[Fact]) {
    let mut locals = LocalRows::new(environment);
    if new.len() > 1 {
        require_exclusive();
    }
    for session in new.iter().filter_map(as_session) {
        if let Some(before) = &session.recovered_from {
            require_exclusive();
            UPSERT_RECOVERED.execute(&[text(environment.name()), text(session.id.as_str()), text(before.as_str())]);
        }
        // Only where no row is found: whoever records a session's id has locked the row, and waits for this lock. If an event took the
        // lock and then waited for the row, the two would deadlock.
        projection_lock::lock_shared();
        if locals.candidates(session).is_empty() {
            lock_session_lookup(environment, &session.id);
            locals.found.remove(&session.id);
        }
    }
    let Some(joined) = join(&mut locals, new) else { savepoint::restart_exclusive() };
    let facts = match joined.since {
        GroupOrigin::New => Vec::new(),
        _ => payment_group::facts_of(environment, &joined.group_id),
    };
    if joined.since == GroupOrigin::Existing && facts.is_empty() {
        require_exclusive();
    }
    write(&mut locals, &[Group::of(joined, facts, new)]);
}

/// The facts of one payment, which are locked, with what is new of them.
pub(super) struct Group<'a> {
    id: String,
    facts: Vec<Fact>,
    place: RowLocation,
    /// Those that were not folded before, and are not outdated; `None` if that is not known.
    new: Option<Vec<&'a Fact>>,
    /// Those of them that an earlier delivery had brought.
    again: Vec<&'a Fact>,
}

impl<'a> Group<'a> {
    /// A group with the facts that it had, and those that came.
    pub(super) fn of(joined: Joined, mut facts: Vec<Fact>, came: &'a [Fact]) -> Self {
        let is_adopting = came.iter().any(|fact| matches!(fact.object, PaymentObject::AdoptedPayment(_)));
        let place = match joined.since {
            _ if is_adopting => RowLocation::Unknown,
            GroupOrigin::New => RowLocation::New,
            GroupOrigin::Existing => RowLocation::of(&facts),
            GroupOrigin::Merged => RowLocation::Unknown,
        };
        let (mut new, mut again): (Vec<&Fact>, _) = (Vec::new(), Vec::new());
        for fact in came {
            let is_same =
                |known: &Fact| (&known.event_id, known.object.object_id()) == (&fact.event_id, fact.object.object_id());
            if is_late(fact, facts.iter().filter(|known| is_same(known))) {
                continue;
            }
            if facts.iter().any(is_same) {
                again.push(fact);
            }
            facts.retain(|known| !is_same(known));
            new.retain(|known| !is_same(known));
            facts.push(fact.clone());
            new.push(fact);
        }
        Self { id: joined.group_id, facts, place, new: Some(new), again }
    }

    /// Whether facts of an object are new, as far as is known.
    fn is_new(&self, object_id: &str) -> bool {
        self.new.as_ref().is_none_or(|new| new.iter().any(|fact| fact.object.object_id() == object_id))
    }
}

/// Stores the new facts of groups that are different payments, and writes the rows. Several need the exclusive lock.
pub(super) fn write(locals: &mut LocalRows, groups: &[Group]) {
    let environment = locals.environment;
    let groups: Vec<&Group> =
        groups.iter().filter(|group| group.new.as_ref().is_some_and(|new| !new.is_empty())).collect();
    if groups.is_empty() {
        return;
    }
    store_facts(environment, &groups);
    fold_and_write(locals, &groups);
    for group in groups {
        for session in group.new.iter().flatten().copied().filter_map(as_session) {
            if session.recovered_from.is_some()
                || locals.candidates(session).first().is_some_and(|local| local.recorded.is_some())
            {
                settle_family(environment, &session.id);
            }
        }
        for session in group.again.iter().copied().filter_map(as_session) {
            if let Some(customer) = &session.customer {
                customer_mapping::rewrite_conflict_note(environment, &session.id, customer);
            }
        }
    }
}

/// Locks what the facts depend on, and joins the groups that they belong to; `None` if one of these moved meanwhile.
fn join(locals: &mut LocalRows, new: &[Fact]) -> Option<Joined> {
    let environment = locals.environment;
    let claimed = new.iter().find_map(|fact| claimable(locals, &fact.object));
    let mut objects: Vec<String> = new
        .iter()
        .flat_map(|fact| fact.object.customer().into_iter().chain(fact.object.subscription()))
        .map(ToOwned::to_owned)
        .collect();
    if let Some((subject, _)) = &claimed {
        objects.push(payment_group::subject_key(&subject.subject_type, &subject.subject_id));
    }
    if !is_exclusive() {
        payment_group::lock_objects(environment, &objects);
    }
    let mut also = AlsoLock::Nothing;
    if let Some((subject, customer)) = &claimed {
        let state = MappingState::of(environment, subject, customer);
        if state.contested {
            require_exclusive();
        }
        if !state.stands {
            also = AlsoLock::Customer(customer);
        }
        if state.is_open() {
            locals.open_mappings.push((subject.clone(), customer.clone()));
        }
    }
    payment_group::join(environment, &ids(new), also)
}

fn store_facts(environment: Environment, groups: &[&Group]) {
    let facts: Vec<(&str, &Fact)> =
        groups.iter().flat_map(|group| group.new.iter().flatten().map(|fact| (group.id.as_str(), *fact))).collect();
    let objects = || facts.iter().map(|(_, fact)| &fact.object);
    let keys: Vec<String> = objects().map(|object| array_text(&object.keys())).collect();
    let rows = Rows::new(facts.len())
        .and(text(environment.name()))
        .texts(objects().map(|object| Some(object.object_id())))
        .texts(facts.iter().map(|(_, fact)| Some(fact.event_id.as_str())))
        .texts(objects().map(|object| Some(object.object_type())))
        .texts(facts.iter().map(|(group_id, _)| Some(*group_id)))
        .texts(objects().map(PaymentObject::customer))
        .texts(objects().map(PaymentObject::subscription))
        .texts(keys.iter().map(|keys| Some(keys.as_str())))
        .jsons(facts.iter().map(|(_, fact)| Some(written(*fact))));
    UPSERT_FACTS.execute_rows(&rows);
}

/// Folds a group, which must be locked, and writes what differs.
pub(crate) fn refold(environment: Environment, group_id: &str) {
    fold_again(environment, group_id, RowLocation::Projected);
}

fn fold_again(environment: Environment, group_id: &str, place: RowLocation) {
    let facts = payment_group::facts_of(environment, group_id);
    let group = Group { id: group_id.to_owned(), facts, place, new: None, again: Vec::new() };
    fold_and_write(&mut LocalRows::new(environment), &[&group]);
}

/// Folds the facts of groups and writes the rows: those of local sessions first, for they say whose the payments are.
fn fold_and_write(locals: &mut LocalRows, groups: &[&Group]) {
    let environment = locals.environment;
    settle(locals, groups);
    let folded: Vec<Folded> = groups.iter().map(|group| fold_group(locals, group)).collect();
    let all = || groups.iter().zip(&folded);
    let new = all().filter(|(group, _)| matches!(group.place, RowLocation::New));
    let new_payments: Vec<_> = new.filter_map(|(_, folded)| folded.payment.as_ref()).collect();
    let are_inserted = write_new_payments(environment, &new_payments);
    let mut with_backends = Vec::new();
    for (group, folded) in all() {
        let place = match &group.place {
            RowLocation::New if are_inserted => None,
            RowLocation::New => Some(&RowLocation::Unknown),
            place => Some(place),
        };
        let met_backend = match (&folded.payment, place) {
            (Some(payment), Some(place)) => {
                write_payment(environment, payment, place, &group.facts) == Written::MetBackend
            }
            (Some(_), None) => false,
            (None, _) => folded.is_returned && lock_adopted(environment, &ids(&group.facts)),
        };
        if met_backend && groups.len() > 1 {
            with_backends.push(group);
        } else if !(met_backend && adopt(environment, &group.facts)) {
            write_returns(environment, folded);
            if let Some(told) = &folded.notices {
                notices::write(environment, &told.about, &told.rows);
            }
            if let Some(asked) = &folded.reviews {
                reviews::write(environment, asked);
            }
        }
    }
    // A backend's row may join what were two groups, so that each of these is read again.
    for group in with_backends {
        let key = group.facts.iter().flat_map(|fact| fact.object.keys()).next();
        if let Some(group_id) = key.and_then(|key| payment_group::group_of(environment, &key)) {
            fold_again(environment, &group_id, RowLocation::Unknown);
        }
    }
}

/// Updates the local rows of the groups' sessions, and what they claim.
fn settle(locals: &mut LocalRows, groups: &[&Group]) {
    let environment = locals.environment;
    let mut sessions = Vec::new();
    for group in groups {
        for told in by_object(&group.facts) {
            let Some(newest) = as_session(told.newest) else { continue };
            if group.is_new(&newest.id) || !locals.candidates(newest).first().is_some_and(LocalRow::is_settled) {
                sessions.push((told, group.facts.as_slice()));
            }
        }
    }
    let (mut open, mut others) = (Vec::new(), Vec::new());
    for moved in settle_sessions(locals, sessions) {
        if let Some(displaced) = &moved.displaced {
            release_local_session(environment, displaced);
        }
        let Some(claim) = moved.claim else { continue };
        let of_claim = |(subject, customer): &(Subject, String)| {
            (subject, customer) == (&claim.subject, &claim.stripe_customer_id)
        };
        match locals.open_mappings.iter().position(of_claim) {
            Some(place) => {
                locals.open_mappings.swap_remove(place);
                open.push(claim);
            }
            None => others.push(claim),
        }
    }
    customer_mapping::claim(environment, &open, &others);
}

/// Folds the facts of a group, after its sessions were settled, and writes the rows of its invoices.
fn fold_group(locals: &mut LocalRows, group: &Group) -> Folded {
    let environment = locals.environment;
    let facts = group.facts.as_slice();
    for session in facts.iter().filter_map(as_session) {
        review_unlinked(locals, session, facts);
        if locals.candidates(session).first().is_some_and(|local| local.recorded.is_some())
            && let Some(family) = Family::of(environment, &session.id)
            && let Some(one) = family.relatives.iter().find(|one| one.id == session.id)
        {
            review(environment, &family, one);
        }
    }
    let mappings_changed = changed_mappings::folding(environment, &group.id);
    let (folded, context) = folded(locals, facts);
    if mappings_changed
        || matches!(group.place, RowLocation::Unknown)
        || invoices_change(&folded, &context, facts, group.new.as_deref())
    {
        write_invoices(environment, &folded.invoices);
    }
    folded
}

/// Makes facts of the rows that other backends wrote of a payment, and projects them. Returns whether there were any.
fn adopt(environment: Environment, facts: &[Fact]) -> bool {
    let rows = adopted::rows_of_backends(environment, ids(facts), facts);
    if rows.is_empty() {
        return false;
    }
    require_exclusive();
    project(environment, &rows);
    true
}

/// Serializes an event that finds no row of another backend with the backend that writes it: the second one sees what the first did.
fn lock_adopted(environment: Environment, ids: &[String]) -> bool {
    LockSpace::Adopted.lock(environment.name(), ids.iter().map(String::as_str));
    true
}

/// Makes facts of the rows with these ids, if a fact has named one of the ids already.
pub(crate) fn adopt_named(environment: Environment, ids: Vec<String>) {
    lock_adopted(environment, &ids);
    let linked = adopted::linked_ids(environment, ids);
    if linked.is_empty() {
        return;
    }
    require_exclusive();
    for rows in by_payment(adopted::rows_of_backends(environment, linked, &[])) {
        project(environment, &rows);
    }
}

/// Handles that a session lost its local row to another: its claim is withdrawn, and its payment is folded without the row.
fn release_local_session(environment: Environment, session: &str) {
    customer_mapping::withdraw(environment, session);
    if let Some(group_id) = payment_group::group_of(environment, session) {
        refold(environment, &group_id);
    }
}

/// The subject of a customer or a subscription.
#[derive(Deserialize)]
struct Named {
    of: String,
    #[serde(flatten)]
    subject: Subject,
}

/// The subjects in the metadata of subscriptions.
pub(crate) fn subjects_of_subscriptions(environment: Environment, ids: Vec<String>) -> BTreeMap<String, Subject> {
    let prefixes = settings::metadata_prefixes();
    named(&SUBJECTS_OF_SUBSCRIPTIONS, &[text(environment.name()), ids.into(), prefixes.into()])
}

fn named(query: &Statement, args: &[DatumWithOid]) -> BTreeMap<String, Subject> {
    query.all::<Named>(args).into_iter().map(|named| (named.of, named.subject)).collect()
}

/// Folds the facts, and returns the context too. The mapping of the customer is read only if nothing else names a subject.
fn folded(locals: &mut LocalRows, facts: &[Fact]) -> (Folded, Context) {
    let mut context = context(locals, facts);
    let mut folded = fold(facts, &context);
    let customers = named_ids(facts, PaymentObject::customer);
    if folded.lacks_subject() && !customers.is_empty() {
        context.customers = named(&SUBJECTS_OF_CUSTOMERS, &[text(locals.environment.name()), customers.into()]);
        if !context.customers.is_empty() {
            folded = fold(facts, &context);
        }
    }
    (folded, context)
}

/// Whether new facts change the row of an invoice: one of them is an invoice, or they change its subject. `facts` has the new ones, too.
fn invoices_change(folded: &Folded, context: &Context, facts: &[Fact], new: Option<&[&Fact]>) -> bool {
    let Some(new) = new.filter(|_| !folded.invoices.is_empty()) else { return true };
    if new.iter().any(|fact| matches!(fact.object, PaymentObject::Invoice(_))) {
        return true;
    }
    let before: Vec<Fact> = facts.iter().filter(|fact| !new.contains(fact)).cloned().collect();
    fold(&before, context).invoices != folded.invoices
}

fn named_ids(facts: &[Fact], pick: fn(&PaymentObject) -> Option<&str>) -> Vec<String> {
    let ids: BTreeSet<&str> = facts.iter().filter_map(|fact| pick(&fact.object)).collect();
    ids.into_iter().map(ToOwned::to_owned).collect()
}

/// What the fold needs besides the facts, except the subjects of customers.
fn context(locals: &mut LocalRows, facts: &[Fact]) -> Context {
    let environment = locals.environment;
    let mut context = Context::default();
    let subscriptions = named_ids(facts, PaymentObject::subscription);
    if !subscriptions.is_empty() {
        context.subscriptions = subjects_of_subscriptions(environment, subscriptions);
    }
    for session in facts.iter().filter_map(as_session) {
        if let Some(local) = locals.of(session, facts) {
            let local = LocalSession { subject: local.subject.clone(), price: local.price().map(ToOwned::to_owned) };
            context.locals.insert(session.id.clone(), local);
        }
    }
    context
}
