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
    LocalRows, as_session, claimable, lock_session_lookup, review_unlinked, settle_session,
};
use crate::project::payment_group::{self, AlsoLock, GroupOrigin, Joined};
use crate::project::payment_row::{RowLocation, Written, ids, write_payment, write_returns};
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
    let Some(Joined { group_id, since }) = join(&mut locals, new) else { savepoint::restart_exclusive() };
    let mut facts =
        if since == GroupOrigin::New { Vec::new() } else { payment_group::facts_of(environment, &group_id) };
    if since == GroupOrigin::Existing && facts.is_empty() {
        require_exclusive();
    }
    let is_adopting = new.iter().any(|fact| matches!(fact.object, PaymentObject::AdoptedPayment(_)));
    let place = match since {
        _ if is_adopting => RowLocation::Unknown,
        GroupOrigin::New => RowLocation::New,
        GroupOrigin::Existing => RowLocation::of(&facts),
        GroupOrigin::Merged => RowLocation::Unknown,
    };
    let Arrived { on_time, again } = take(&mut facts, new);
    if on_time.is_empty() {
        return;
    }
    store_facts(environment, &group_id, &on_time);
    fold_and_write(&mut locals, &group_id, &facts, &place, Some(&on_time));
    for session in on_time.iter().copied().filter_map(as_session) {
        if session.recovered_from.is_some()
            || locals.candidates(session).first().is_some_and(|local| local.recorded.is_some())
        {
            settle_family(environment, &session.id);
        }
    }
    for session in again.into_iter().filter_map(as_session) {
        if let Some(customer) = &session.customer {
            customer_mapping::rewrite_conflict_note(environment, &session.id, customer);
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
            locals.open_mapping = Some((subject.clone(), customer.clone()));
        }
    }
    let mut keys: Vec<String> = new.iter().flat_map(|fact| fact.object.keys()).collect();
    keys.sort();
    keys.dedup();
    payment_group::join(environment, &keys, also)
}

/// Facts that are new to a group.
struct Arrived<'a> {
    /// Those that are not outdated.
    on_time: Vec<&'a Fact>,
    /// Those of them that an earlier delivery had brought.
    again: Vec<&'a Fact>,
}

/// Adds new facts to those of their group.
fn take<'a>(facts: &mut Vec<Fact>, new: &'a [Fact]) -> Arrived<'a> {
    let mut arrived = Arrived { on_time: Vec::new(), again: Vec::new() };
    for fact in new {
        let is_same =
            |known: &Fact| (&known.event_id, known.object.object_id()) == (&fact.event_id, fact.object.object_id());
        if is_late(fact, facts.iter().filter(|known| is_same(known))) {
            continue;
        }
        if facts.iter().any(is_same) {
            arrived.again.push(fact);
        }
        facts.retain(|known| !is_same(known));
        arrived.on_time.retain(|known| !is_same(known));
        facts.push(fact.clone());
        arrived.on_time.push(fact);
    }
    arrived
}

fn store_facts(environment: Environment, group_id: &str, facts: &[&Fact]) {
    let objects = || facts.iter().map(|fact| &fact.object);
    let keys: Vec<String> = objects().map(|object| array_text(&object.keys())).collect();
    let rows = Rows::new(facts.len())
        .and(text(environment.name()))
        .texts(objects().map(|object| Some(object.object_id())))
        .texts(facts.iter().map(|fact| Some(fact.event_id.as_str())))
        .texts(objects().map(|object| Some(object.object_type())))
        .and(text(group_id))
        .texts(objects().map(PaymentObject::customer))
        .texts(objects().map(PaymentObject::subscription))
        .texts(keys.iter().map(|keys| Some(keys.as_str())))
        .jsons(facts.iter().map(|fact| Some(written(fact))));
    UPSERT_FACTS.execute_rows(&rows);
}

/// Folds a group, which must be locked, and writes what differs.
pub(crate) fn refold(environment: Environment, group_id: &str) {
    let facts = payment_group::facts_of(environment, group_id);
    fold_and_write(&mut LocalRows::new(environment), group_id, &facts, &RowLocation::Projected, None);
}

/// Folds the facts of a group and writes the rows. `new` are those of the facts that were not folded before; `None` if that is not known.
fn fold_and_write(locals: &mut LocalRows, group_id: &str, facts: &[Fact], place: &RowLocation, new: Option<&[&Fact]>) {
    let environment = locals.environment;
    for told in by_object(facts) {
        if let PaymentObject::CheckoutSession(newest) = &told.newest.object {
            let is_new = |new: &[&Fact]| new.iter().any(|fact| fact.object.object_id() == newest.id);
            if !new.is_none_or(is_new) && locals.candidates(newest).first().is_some_and(LocalRow::is_settled) {
                continue;
            }
            let Some(moved) = settle_session(locals, newest, &told, facts) else { continue };
            if let Some(displaced) = &moved.displaced {
                release_local_session(environment, displaced);
            }
            if let Some(claim) = &moved.claim {
                let of_claim = |(subject, customer): &mut (Subject, String)| {
                    (&*subject, &*customer) == (&claim.subject, &claim.stripe_customer_id)
                };
                let is_open = locals.open_mapping.take_if(of_claim).is_some();
                customer_mapping::claim(environment, claim, is_open);
            }
        }
    }
    for session in facts.iter().filter_map(as_session) {
        review_unlinked(locals, session, facts);
        if locals.candidates(session).first().is_some_and(|local| local.recorded.is_some())
            && let Some(family) = Family::of(environment, &session.id)
            && let Some(one) = family.relatives.iter().find(|one| one.id == session.id)
        {
            review(environment, &family, one);
        }
    }
    let mappings_changed = changed_mappings::folding(environment, group_id);
    let (folded, context) = folded(locals, facts);
    if mappings_changed || matches!(place, RowLocation::Unknown) || invoices_change(&folded, &context, facts, new) {
        write_invoices(environment, &folded.invoices);
    }
    let met_backend = match &folded.payment {
        Some(payment) => write_payment(environment, payment, place, facts) == Written::MetBackend,
        None => folded.is_returned && lock_adopted(environment, &ids(facts)),
    };
    if !(met_backend && adopt(environment, facts)) {
        write_returns(environment, &folded);
        if let Some(told) = &folded.notices {
            notices::write(environment, &told.about, &told.rows);
        }
        if let Some(asked) = &folded.reviews {
            reviews::write(environment, asked);
        }
    }
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
