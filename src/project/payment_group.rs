//! Groups of facts: which facts are of one payment, and the locks that keep two deliveries from folding one group at once.
//!
//! Facts that share an id are in one group. One of its ids is its name (`group_id`): the least id of its first fact, or, after groups were
//! joined, the least name of these. While a group's lock is waited for, its holder may join it into another group. Then the links name a
//! group that is not locked, and the work is run again with the exclusive lock.

use std::collections::{BTreeSet, HashMap, HashSet};

use payments_core::payment::fact::Fact;
use payments_core::stripe::event::Environment;
use serde::Deserialize;

use crate::pg::advisory_lock::LockSpace;
use crate::pg::statement::{Rows, query, text};
use crate::projection_lock;

query!(LINKS_OF, "project_payment_group", "links_of");
query!(ADD_LINKS, "project_payment_group", "add_links");
query!(FACTS_OF_GROUP, "project_payment_group", "facts_of_group");
query!(FACTS_OF_GROUPS, "project_payment_group", "facts_of_groups");
query!(MERGE_FACTS, "project_payment_group", "merge_facts");
query!(MOVE_LINKS, "project_payment_group", "move_links");
query!(GROUP_IDS_OF_CUSTOMER, "project_payment_group", "group_ids_of_customer");
query!(GROUP_IDS_OF_SUBSCRIPTION, "project_payment_group", "group_ids_of_subscription");

/// Locks what rows of several payments depend on: a customer, a subscription, a subject, a product, a price.
pub(crate) fn lock_objects(environment: Environment, keys: &[String]) {
    projection_lock::lock_shared();
    LockSpace::Objects.lock(environment.name(), keys.iter().map(String::as_str));
}

/// The key that stands for a subject among the locks.
pub(crate) fn subject_key(subject_type: &str, subject_id: &str) -> String {
    format!("subject:{subject_type}:{subject_id}")
}

/// More groups to lock in the same pass.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AlsoLock<'a> {
    /// None.
    Nothing,
    /// Every group with a fact of this customer.
    Customer(&'a str),
    /// Every group with a fact of this subscription.
    Subscription(&'a str),
}

impl AlsoLock<'_> {
    fn group_ids(self, environment: Environment) -> Vec<String> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Customer(id) => GROUP_IDS_OF_CUSTOMER.all(&[text(environment.name()), text(id)]),
            Self::Subscription(id) => GROUP_IDS_OF_SUBSCRIPTION.all(&[text(environment.name()), text(id)]),
        }
    }
}

/// An id that joins facts, and the group that it belongs to.
#[derive(Debug, PartialEq, Deserialize)]
struct Link {
    key: String,
    group_id: String,
}

/// A group that is locked.
pub(crate) struct Joined {
    pub(crate) group_id: String,
    pub(crate) since: GroupOrigin,
}

/// Where a group comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupOrigin {
    /// It has no fact yet but the new ones.
    New,
    /// It was there before.
    Existing,
    /// Several groups have just been joined.
    Merged,
}

/// Joins the groups that `keys` belong to into one, locked; `None` where one moved while its lock was waited for.
pub(crate) fn join(environment: Environment, keys: &[String], also: AlsoLock) -> Option<Joined> {
    let known = links(environment, keys);
    let missing: Vec<String> = keys.iter().filter(|key| known.iter().all(|link| link.key != **key)).cloned().collect();
    let group_id = known.iter().map(|link| &link.group_id).min().or(missing.iter().min()).cloned()?;
    let added = add_links(environment, &missing.iter().map(|key| (key, &group_id)).collect::<Vec<_>>());
    let first = known.is_empty() && added == missing.len();
    if first && matches!(also, AlsoLock::Nothing) {
        // No other transaction can find a group whose ids were all added here, until this one ends.
        return Some(Joined { group_id, since: GroupOrigin::New });
    }
    // The ids that were there before are read again, since their groups may have moved. Those that were added here cannot have.
    let before: Vec<Link> = if added == missing.len() {
        known.into_iter().chain(missing.into_iter().map(|key| Link { key, group_id: group_id.clone() })).collect()
    } else {
        links(environment, keys)
    };
    let others = also.group_ids(environment);
    lock_groups(environment, before.iter().map(|link| &link.group_id).chain(&others));
    let are_ours = others.iter().all(|other| before.iter().any(|link| link.group_id == *other));
    if !are_ours && also.group_ids(environment) != others {
        return None;
    }
    let mut group_ids: Vec<&String> = before.iter().map(|link| &link.group_id).collect();
    group_ids.sort_unstable();
    group_ids.dedup();
    let (winner, merged) = group_ids.split_first()?;
    let since = match (first, merged) {
        (true, _) => GroupOrigin::New,
        (_, []) => GroupOrigin::Existing,
        _ => GroupOrigin::Merged,
    };
    if !merged.is_empty() {
        if links(environment, keys).iter().any(|link| !before.contains(link)) {
            return None;
        }
        let merged: Vec<String> = merged.iter().map(|group_id| (*group_id).clone()).collect();
        MERGE_FACTS.execute(&[text(environment.name()), text(winner.as_str()), merged.into()]);
        MOVE_LINKS.execute(&[text(environment.name()), text(winner.as_str()), keys.to_vec().into()]);
    }
    Some(Joined { group_id: (*winner).clone(), since })
}

/// The group of one payment among several, and those of its keys that are not in it yet.
pub(crate) struct Apart {
    pub(crate) group: Joined,
    missing: Vec<String>,
}

/// The groups of payments by their keys; `None` for a payment of several groups, or of one that another of them has. The whole projection
/// must be locked.
pub(crate) fn find_apart(environment: Environment, payments: &[Vec<String>]) -> Vec<Option<Apart>> {
    let all: Vec<String> = payments.iter().flatten().cloned().collect();
    let known: HashMap<String, String> =
        links(environment, &all).into_iter().map(|link| (link.key, link.group_id)).collect();
    let mut taken = HashSet::new();
    let mut find = |keys: &Vec<String>| {
        let group_ids: BTreeSet<&String> = keys.iter().filter_map(|key| known.get(key)).collect();
        let since = if group_ids.is_empty() { GroupOrigin::New } else { GroupOrigin::Existing };
        let group_id = group_ids.first().copied().or(keys.iter().min())?;
        let is_apart = group_ids.len() < 2 && taken.insert(group_id.clone());
        let missing = keys.iter().filter(|key| !known.contains_key(*key)).cloned().collect();
        is_apart.then(|| Apart { group: Joined { group_id: group_id.clone(), since }, missing })
    };
    payments.iter().map(&mut find).collect()
}

/// Adds their missing keys to groups.
pub(crate) fn add_missing(environment: Environment, groups: &[Apart]) {
    let links = groups.iter().flat_map(|apart| apart.missing.iter().map(|key| (key, &apart.group.group_id)));
    add_links(environment, &links.collect::<Vec<_>>());
}

/// Locks and names the groups that a customer or a subscription has facts in.
pub(crate) fn lock_groups_of(environment: Environment, whose: AlsoLock) -> Vec<String> {
    let mut locked: Vec<String> = Vec::new();
    loop {
        let now = whose.group_ids(environment);
        if now.iter().all(|group_id| locked.contains(group_id)) || lock_groups(environment, &now) {
            return now;
        }
        locked = now;
    }
}

/// The group that an id belongs to, if a fact has named it.
pub(crate) fn group_of(environment: Environment, key: &str) -> Option<String> {
    links(environment, &[key.to_owned()]).pop().map(|link| link.group_id)
}

/// Locks groups. Returns whether all of them were locked already, so that none can have moved.
fn lock_groups<'a>(environment: Environment, group_ids: impl IntoIterator<Item = &'a String>) -> bool {
    LockSpace::Groups.lock(environment.name(), group_ids.into_iter().map(String::as_str))
}

/// The facts of a group. If none is found, the group was joined into another.
pub(crate) fn facts_of(environment: Environment, group_id: &str) -> Vec<Fact> {
    FACTS_OF_GROUP.all(&[text(environment.name()), text(group_id)])
}

/// The facts of several groups, by their names.
pub(crate) fn facts_of_each(environment: Environment, group_ids: Vec<String>) -> HashMap<String, Vec<Fact>> {
    #[derive(Deserialize)]
    struct Member {
        group_id: String,
        fact: Fact,
    }
    let mut facts: HashMap<String, Vec<Fact>> = HashMap::new();
    if !group_ids.is_empty() {
        for Member { group_id, fact } in FACTS_OF_GROUPS.all(&[text(environment.name()), group_ids.into()]) {
            facts.entry(group_id).or_default().push(fact);
        }
    }
    facts
}

fn links(environment: Environment, keys: &[String]) -> Vec<Link> {
    LINKS_OF.all(&[text(environment.name()), keys.to_vec().into()])
}

/// Adds ids, each to a group. Returns how many were not there.
fn add_links(environment: Environment, links: &[(&String, &String)]) -> usize {
    if links.is_empty() {
        return 0;
    }
    let rows = Rows::new(links.len())
        .and(text(environment.name()))
        .texts(links.iter().map(|(key, _)| Some(key.as_str())))
        .texts(links.iter().map(|(_, group_id)| Some(group_id.as_str())));
    usize::try_from(ADD_LINKS.execute_rows(&rows)).unwrap_or(0)
}
