//! From an event, or a backfilled object, to the module that projects it.

use std::borrow::Cow;

use payments_core::payment::fact::{Fact, PaymentObject};
use payments_core::stripe::event::{Environment, Event};
use payments_core::stripe::event_type::{EventType, ObjectKind};
use payments_core::stripe::object::line_items::LineItems;
use payments_core::stripe::object::{Unreadable, entitlements};

use crate::pg::statement::{query, text};
use crate::project::incoming::Incoming;
use crate::project::reassign::follow_changed_mappings;
use crate::project::{announcement, coupon, mirror, payment, payments_together};
use crate::settings;

query!(OWN_ACCOUNT, "project_dispatch", "own_account");

/// What became of an event.
#[derive(Debug)]
pub(crate) enum ProjectionOutcome {
    /// Every row that follows from it is written.
    Projected,
    /// Nothing follows from it, for this reason.
    Ignored(String),
    /// Its object is not what Stripe documents.
    Unreadable(String),
}

/// Which kind of object an event is about, or why it changes no row.
pub(crate) fn kind_of(environment: Environment, event: &Event) -> Result<ObjectKind, String> {
    if event.thin {
        return Err("a thin event carries no object; subscribe to snapshot events".to_owned());
    }
    let Some(EventType { object: kind, .. }) = EventType::named(&event.event_type) else {
        return Err(format!("events of type {} change no row", event.event_type));
    };
    foreign(environment, event).map_or(Ok(*kind), Err)
}

/// Projects an event, which is of a kind or is ignored for a reason.
pub(crate) fn event(environment: Environment, event: &Event, kind: &Result<ObjectKind, String>) -> ProjectionOutcome {
    match kind {
        Ok(kind) => outcome(project(*kind, &incoming(environment, event))),
        Err(reason) => ProjectionOutcome::Ignored(reason.clone()),
    }
}

/// Projects events, each of which is of a kind or is ignored for a reason. The whole projection must be locked.
pub(crate) fn events(
    environment: Environment,
    events: &[&Event],
    kinds: &[Result<ObjectKind, String>],
) -> Vec<ProjectionOutcome> {
    let mut snapshots = Vec::new();
    for (event, kind) in events.iter().zip(kinds) {
        if let Ok(kind) = kind {
            snapshots.push((*kind, incoming(environment, event)));
        }
    }
    let mut projected = project_all(environment, snapshots.iter()).into_iter();
    let outcome = |kind: &Result<ObjectKind, String>| match kind {
        Ok(_) => projected.next().map_or(ProjectionOutcome::Projected, outcome),
        Err(reason) => ProjectionOutcome::Ignored(reason.clone()),
    };
    kinds.iter().map(outcome).collect()
}

fn outcome(projected: Result<(), Unreadable>) -> ProjectionOutcome {
    match projected {
        Ok(()) => ProjectionOutcome::Projected,
        Err(unreadable) => ProjectionOutcome::Unreadable(unreadable.to_string()),
    }
}

fn incoming(environment: Environment, event: &Event) -> Incoming<'_> {
    Incoming {
        environment,
        event_id: &event.id,
        event_type: Some(&event.event_type),
        created: event.created,
        object: Cow::Borrowed(&event.object),
        previous: event.previous_attributes.as_deref(),
        // A detached payment method can't be attached again.
        deleted: [".deleted", ".detached"].iter().any(|end| event.event_type.ends_with(end)),
    }
}

/// Why an event of another account changes nothing here: of a connected account, or another one of the organization. Events of one's own
/// account name no account. So an event that names one is foreign, unless `set_stripe_account` has named that account.
fn foreign(environment: Environment, event: &Event) -> Option<String> {
    event.foreign_account(None)?;
    let own = OWN_ACCOUNT.one::<String>(&[text(environment.name())]);
    let account = event.foreign_account(own.as_deref())?;
    Some(match own {
        Some(own) => format!("it is of the account {account}, not of {own}"),
        None => format!(
            "it is of the account {account}, and nobody has said that this is the own one: \
             payments.set_stripe_account('{}', …) does",
            environment.name()
        ),
    })
}

/// Projects one snapshot: a fact about a payment, or a mirrored object; then what follows from the mappings that it changed.
pub(crate) fn project(kind: ObjectKind, incoming: &Incoming) -> Result<(), Unreadable> {
    let facts = read(kind, incoming)?;
    if !facts.is_empty() {
        payment::project(incoming.environment, &facts);
    }
    follow_changed_mappings();
    Ok(())
}

/// Projects snapshots: the facts that speak of one payment together. The whole projection must be locked.
pub(crate) fn project_all<'a>(
    environment: Environment,
    all: impl Iterator<Item = &'a (ObjectKind, Incoming<'a>)>,
) -> Vec<Result<(), Unreadable>> {
    let mut facts = Vec::new();
    let mut outcomes = Vec::new();
    for (kind, incoming) in all {
        outcomes.push(read(*kind, incoming).map(|fact| facts.extend(fact)));
        follow_changed_mappings();
    }
    payments_together::project(environment, facts);
    outcomes
}

/// Reads a snapshot of a payment's object as a fact, and a session's line items, if it carries them, as another; a mirrored object is
/// projected at once.
fn read(kind: ObjectKind, incoming: &Incoming) -> Result<Vec<Fact>, Unreadable> {
    let prefix = settings::metadata_prefix();
    let object = match PaymentObject::read(kind, &incoming.object, incoming.event_type, &prefix)? {
        Some(object) => object,
        None if kind == ObjectKind::Entitlements => {
            mirror::entitlements(incoming, &entitlements::Summary::read(&incoming.object)?)?;
            return Ok(Vec::new());
        }
        None if kind == ObjectKind::UpcomingInvoice => {
            announcement::project_upcoming(incoming)?;
            return Ok(Vec::new());
        }
        None if kind == ObjectKind::Discount => {
            announcement::project_discount(incoming)?;
            return Ok(Vec::new());
        }
        None if kind == ObjectKind::Coupon => {
            coupon::project(incoming)?;
            return Ok(Vec::new());
        }
        None => {
            mirror::project(kind, incoming, &prefix)?;
            return Ok(Vec::new());
        }
    };
    let fact = |object| Fact {
        event_id: incoming.event_id.to_owned(),
        created: incoming.created,
        rank: incoming.rank(),
        previous: serde_json::Map::new(),
        object,
    };
    let mut facts = vec![fact(object).with_previous(incoming.previous)];
    if kind == ObjectKind::CheckoutSession
        && let Some(items) = LineItems::of_session(&incoming.object)?
    {
        facts.push(fact(PaymentObject::LineItems(Box::new(items))));
    }
    Ok(facts)
}
