//! Groups of facts: which facts speak of one payment, and the locks that keep two deliveries from folding one group at once.
//!
//! Facts that share an id are of one group, named by its anchor, the least of those ids. So an anchor can only ever move to
//! a lesser one; and groups are locked from the greatest anchor down, so that what a lock was waited for may have moved to
//! is still to be locked.

use payments_core::stripe::event::Environment;

use crate::db::{statement, text};
use crate::project::Keyed;

statement!(FIND_OBJECTS, "find_objects");
statement!(ADD_OBJECTS, "add_objects");
statement!(LINKS_OF, "links_of");
statement!(ADD_LINKS, "add_links");
statement!(LOCK_ANCHOR, "lock_anchor");
statement!(MERGE_FACTS, "merge_facts");
statement!(MOVE_LINKS, "move_links");
statement!(ANCHORS_OF_CUSTOMER, "anchors_of_customer");
statement!(ANCHORS_OF_SUBSCRIPTION, "anchors_of_subscription");

/// Locks what rows of several payments depend on: a customer, a subscription, a subject, a product, a price.
pub(crate) fn lock_objects(environment: Environment, mut keys: Vec<String>) {
    keys.sort();
    keys.dedup();
    if keys.is_empty() {
        return;
    }
    // All are made known before any is locked: who waits for one that another is adding holds none yet.
    ADD_OBJECTS.execute(&[text(environment.name()), keys.clone().into()]);
    FIND_OBJECTS.execute(&[text(environment.name()), keys.into()]);
}

/// The key that stands for a subject among the locks.
pub(crate) fn subject_key(subject_type: &str, subject_id: &str) -> String {
    format!("subject:{subject_type}:{subject_id}")
}

/// More groups to lock in the same pass.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Also<'a> {
    /// None.
    Nothing,
    /// Every group with a fact of this customer.
    Customer(&'a str),
    /// Every group with a fact of this subscription.
    Subscription(&'a str),
}

impl Also<'_> {
    fn anchors(self, environment: Environment) -> Vec<String> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Customer(id) => ANCHORS_OF_CUSTOMER.all(&[text(environment.name()), text(id)]),
            Self::Subscription(id) => ANCHORS_OF_SUBSCRIPTION.all(&[text(environment.name()), text(id)]),
        }
    }
}

/// Joins the groups that `keys` belong to into one, locked, and returns its anchor.
pub(crate) fn join(environment: Environment, keys: &[String], also: Also) -> String {
    let known = links(environment, keys);
    let missing: Vec<String> = keys.iter().filter(|key| known.iter().all(|link| link.key != **key)).cloned().collect();
    let least = known.iter().filter_map(|link| link.anchor.clone()).chain(missing.iter().min().cloned()).min();
    let anchor = least.unwrap_or_default();
    let added = add_links(environment, &missing, &anchor);
    if known.is_empty() && added == missing.len() && matches!(also, Also::Nothing) {
        return anchor;
    }
    let own = || links(environment, keys).into_iter().filter_map(|link| link.anchor);
    let locked = lock(environment, || own().chain(also.anchors(environment)).collect());
    let mut anchors: Vec<String> = if matches!(also, Also::Nothing) { locked } else { own().collect() };
    anchors.sort();
    anchors.dedup();
    let winner = anchors.remove(0);
    if !anchors.is_empty() {
        MERGE_FACTS.execute(&[text(environment.name()), text(winner.as_str()), anchors.into()]);
        MOVE_LINKS.execute(&[text(environment.name()), text(winner.as_str()), keys.to_vec().into()]);
    }
    winner
}

/// Locks groups, greatest anchor first, until `anchors` names none that is not locked; returns those it names then.
pub(crate) fn lock(environment: Environment, anchors: impl Fn() -> Vec<String>) -> Vec<String> {
    let mut locked: Vec<String> = Vec::new();
    loop {
        let mut now = anchors();
        now.sort();
        now.dedup();
        let Some(next) = now.iter().rev().find(|anchor| !locked.contains(anchor)) else { return now };
        LOCK_ANCHOR.execute(&[text(environment.name()), text(next.as_str())]);
        locked.push(next.clone());
    }
}

/// Locks and names the groups that a customer or a subscription has facts in.
pub(crate) fn lock_groups_of(environment: Environment, whose: Also) -> Vec<String> {
    lock(environment, || whose.anchors(environment))
}

fn links(environment: Environment, keys: &[String]) -> Vec<Keyed> {
    LINKS_OF.all(&[text(environment.name()), keys.to_vec().into()])
}

fn add_links(environment: Environment, keys: &[String], anchor: &str) -> usize {
    if keys.is_empty() {
        return 0;
    }
    let added = ADD_LINKS.execute(&[text(environment.name()), keys.to_vec().into(), text(anchor)]);
    usize::try_from(added).unwrap_or(0)
}
