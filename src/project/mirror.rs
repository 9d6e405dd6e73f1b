//! Mirrors: customers, subscriptions with their items, payment methods, products, prices and entitlements, each its own newest
//! snapshot.

use payments_core::mirror::{
    ObjectSnapshot, default_method, entitlements as entitlements_of, items, newest_and_undecided,
};
use payments_core::snapshot::{SYNC, is_late};
use payments_core::stripe::event::Environment;
use payments_core::stripe::event_type::ObjectKind;
use payments_core::stripe::object::customer::Customer;
use payments_core::stripe::object::entitlements::Summary;
use payments_core::stripe::object::payment_method::{PaymentMethod, owner_before};
use payments_core::stripe::object::price::Price;
use payments_core::stripe::object::product::Product;
use payments_core::stripe::object::subscription::SubscriptionSnapshot;
use payments_core::stripe::object::{Unreadable, read};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::pg::statement::{json, query, text};
use crate::pg::time::timestamp;
use crate::project::incoming::Incoming;
use crate::project::payment_group::{self, AlsoLock};
use crate::project::subscription_history::History;
use crate::project::{customer_mapping, payment, subscription_history};
use crate::settings;

query!(UPSERT_SNAPSHOT, "project_mirror", "upsert_snapshot");
query!(DELETE_SNAPSHOTS, "project_mirror", "delete_snapshots");
query!(WRITE_CUSTOMER, "project_mirror", "write_customer");
query!(WRITE_PRODUCT, "project_mirror", "write_product");
query!(WRITE_PRICE, "project_mirror", "write_price");
query!(WRITE_SUBSCRIPTION, "project_mirror", "write_subscription");
query!(WRITE_PAYMENT_METHOD, "project_mirror", "write_payment_method");
query!(MARK_DEFAULTS, "project_mirror", "mark_defaults");
query!(WRITE_ENTITLEMENTS, "project_mirror", "write_entitlements");

/// What is read of an object before it is known which kind it is.
#[derive(Deserialize)]
struct Named {
    id: String,
    #[serde(default, deserialize_with = "customer_id")]
    customer: Option<String>,
    deleted: Option<bool>,
}

fn customer_id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let id = if value.is_object() { value.get("id").cloned().unwrap_or(Value::Null) } else { value };
    Ok(id.as_str().map(ToOwned::to_owned))
}

/// Projects one snapshot of a mirrored object.
pub(crate) fn project(kind: ObjectKind, incoming: &Incoming, prefix: &str) -> Result<(), Unreadable> {
    let named: Named = read("object", &incoming.object)?;
    let snapshot = ObjectSnapshot {
        event_id: incoming.event_id.to_owned(),
        created: incoming.created,
        rank: incoming.rank(),
        deleted: incoming.deleted || named.deleted == Some(true),
        previous: previous(incoming),
        object: read("object", &incoming.object)?,
    };
    check(kind, &incoming.object, snapshot.deleted, prefix)?;
    let environment = incoming.environment;
    // Whose it is: what is the default of a customer is decided under the customer's lock.
    let customer = match kind {
        ObjectKind::Customer => Some(named.id.clone()),
        ObjectKind::Subscription => named.customer,
        ObjectKind::PaymentMethod => named.customer.or_else(|| owner_before(snapshot.deleted, &snapshot.previous)),
        _ => None,
    };
    let mut locked: Vec<String> = customer.iter().cloned().chain([named.id.clone()]).collect();
    locked.dedup();
    payment_group::lock_objects(environment, &locked);
    if kind == ObjectKind::Subscription {
        subscription_history::keep(incoming, &named.id, snapshot.deleted, &snapshot.previous)?;
    }
    let Kept { before, snapshots } = keep(environment, kind.name(), &named.id, snapshot);
    write(environment, kind, &named.id, &snapshots)?;
    let names_default = matches!(kind, ObjectKind::Customer | ObjectKind::Subscription);
    if let Some(customer) = customer.filter(|_| names_default && default_of(&snapshots) != before) {
        MARK_DEFAULTS.execute(&[text(environment.name()), text(customer.as_str())]);
    }
    Ok(())
}

/// The payment method that an object names as its default.
fn default_of(snapshots: &[ObjectSnapshot]) -> Option<String> {
    newest_and_undecided(snapshots).and_then(|(newest, _)| default_method(newest)).map(ToOwned::to_owned)
}

pub(super) fn previous(incoming: &Incoming) -> Map<String, Value> {
    incoming.previous.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Refuses a snapshot that cannot be read, or that says twice what decides, before it is kept.
fn check(kind: ObjectKind, object: &str, deleted: bool, prefix: &str) -> Result<(), Unreadable> {
    match kind {
        ObjectKind::Customer => Customer::read(object, deleted).map(|_| ()),
        ObjectKind::Product => Product::read(object, deleted).map(|_| ()),
        ObjectKind::Price => Price::read(object, deleted).map(|_| ()),
        ObjectKind::PaymentMethod => PaymentMethod::read(object, None, &Map::new()).map(|_| ()),
        _ => SubscriptionSnapshot::read(object, deleted, prefix).map(|_| ()),
    }
}

/// The snapshots of an object that are kept.
pub(super) struct Kept {
    /// What the object named as its default payment method before the last of them came.
    before: Option<String>,
    snapshots: Vec<ObjectSnapshot>,
}

/// Keeps a snapshot if it may decide which is the newest, and drops those that no longer can; returns those that stay.
pub(super) fn keep(environment: Environment, object_type: &str, id: &str, snapshot: ObjectSnapshot) -> Kept {
    let mut snapshots = mirrored(environment, id);
    let before = default_of(&snapshots);
    if is_late(&snapshot, &snapshots) {
        return Kept { before, snapshots };
    }
    snapshots.retain(|known| known.event_id != snapshot.event_id);
    let event_id = snapshot.event_id.clone();
    snapshots.push(snapshot);
    let kept: Vec<String> = newest_and_undecided(&snapshots)
        .map(|(_, kept)| kept.iter().map(|snapshot| snapshot.event_id.clone()).collect())
        .unwrap_or_default();
    let dropped = snapshots.iter().any(|known| known.event_id != event_id && !kept.contains(&known.event_id));
    if dropped || (event_id == SYNC && !kept.contains(&event_id)) {
        DELETE_SNAPSHOTS.execute(&[text(environment.name()), text(id), kept.clone().into()]);
    }
    if kept.contains(&event_id)
        && let Some(snapshot) = snapshots.iter().find(|known| known.event_id == event_id)
    {
        let args = [text(environment.name()), text(id), text(event_id.as_str()), text(object_type), json(snapshot)];
        UPSERT_SNAPSHOT.execute(&args);
    }
    snapshots.retain(|known| kept.contains(&known.event_id));
    Kept { before, snapshots }
}

/// Writes what an object's snapshots come to, where it differs from what is there. The object must be locked.
pub(crate) fn write(
    environment: Environment,
    kind: ObjectKind,
    id: &str,
    snapshots: &[ObjectSnapshot],
) -> Result<(), Unreadable> {
    let Some((newest, _)) = newest_and_undecided(snapshots) else { return Ok(()) };
    let object = newest.object.to_string();
    let args = |row: pgrx::datum::DatumWithOid<'static>| [text(environment.name()), row, json(&newest.object)];
    match kind {
        ObjectKind::Customer => {
            WRITE_CUSTOMER.execute(&args(json(&Customer::read(&object, newest.deleted)?)));
            if newest.deleted {
                customer_mapping::forget_customer(environment, id);
            }
        }
        ObjectKind::Product => {
            WRITE_PRODUCT.execute(&args(json(&Product::read(&object, newest.deleted)?)));
        }
        ObjectKind::Price => {
            WRITE_PRICE.execute(&args(json(&Price::read(&object, newest.deleted)?)));
        }
        ObjectKind::PaymentMethod => {
            let detached = newest.deleted.then_some(newest.created);
            WRITE_PAYMENT_METHOD.execute(&args(json(&PaymentMethod::read(&object, detached, &newest.previous)?)));
        }
        ObjectKind::Entitlements => {
            let customer = Summary::read(&object)?.customer;
            let all = entitlements_of(snapshots)?;
            WRITE_ENTITLEMENTS.execute(&[text(environment.name()), text(customer.as_str()), json(&all)]);
        }
        _ => write_subscription(environment, newest, snapshots)?,
    }
    Ok(())
}

/// A subscription's row and items; and where its metadata now names another subject, its payments follow.
fn write_subscription(
    environment: Environment,
    newest: &ObjectSnapshot,
    snapshots: &[ObjectSnapshot],
) -> Result<(), Unreadable> {
    let prefix = settings::metadata_prefix();
    let snapshot = SubscriptionSnapshot::read(&newest.object.to_string(), newest.deleted, &prefix)?;
    let id = snapshot.row.stripe_subscription_id.as_str();
    let items = items(snapshots, &prefix)?;
    let before = payment::subjects_of_subscriptions(environment, vec![id.to_owned()]).remove(id);
    // The groups are locked before the row is written: its triggers lock rows of the app's, which come after groups.
    let moved = if before == snapshot.subject {
        Vec::new()
    } else {
        payment_group::lock_groups_of(environment, AlsoLock::Subscription(id))
    };
    let history = subscription_history::of(environment, id);
    WRITE_SUBSCRIPTION.execute(&[
        text(environment.name()),
        json(&snapshot.row),
        json(&newest.object),
        text(snapshot.subject.as_ref().map(|subject| subject.subject_type.as_str())),
        text(snapshot.subject.as_ref().map(|subject| subject.subject_id.as_str())),
        timestamp(history.as_ref().and_then(History::no_access_since)),
        json(&items),
    ]);
    if let Some(history) = history {
        history.write(environment, id, Some(&snapshot));
    }
    for group_id in moved {
        payment::refold(environment, &group_id);
    }
    Ok(())
}

/// Projects a summary of what a customer is entitled to by Stripe's own Entitlements.
pub(crate) fn entitlements(incoming: &Incoming, summary: &Summary) -> Result<(), Unreadable> {
    let environment = incoming.environment;
    let id = format!("entitlements:{}", summary.customer);
    payment_group::lock_objects(environment, &[summary.customer.clone(), id.clone()]);
    let snapshot = ObjectSnapshot {
        event_id: incoming.event_id.to_owned(),
        created: incoming.created,
        rank: incoming.rank(),
        deleted: false,
        previous: previous(incoming),
        object: read("entitlement summary", &incoming.object)?,
    };
    let kept = keep(environment, ObjectKind::Entitlements.name(), &id, snapshot);
    write(environment, ObjectKind::Entitlements, &id, &kept.snapshots)
}

query!(FACTS_OF_OBJECT, "project_mirror", "facts_of_object");

/// A mirrored object's snapshots, as they are kept.
pub(crate) fn mirrored(environment: Environment, object_id: &str) -> Vec<ObjectSnapshot> {
    FACTS_OF_OBJECT.all(&[text(environment.name()), text(object_id)])
}
