//! Entitlements: one row for each key and source, active while that source gives it.

use payments_core::fulfillment::grant::{KeyRow, KeyWrite};

use super::target::Target;
use crate::pg::statement::{Rows, template, text};
use crate::pg::time::time;

const UPDATE_ENTITLEMENT: &str = template!("fulfillment_entitlements", "update_entitlement");
const DELETE_ENTITLEMENT: &str = template!("fulfillment_entitlements", "delete_entitlement");
const FIND_ENTITLEMENT: &str = template!("fulfillment_entitlements", "find_entitlement");
const INSERT_ENTITLEMENTS: &str = template!("fulfillment_entitlements", "insert_entitlements");

/// Who gets it.
#[derive(Clone, Copy)]
pub(super) struct Holder<'a> {
    user: Option<&'a str>,
    subject_type: Option<&'a str>,
    subject_id: Option<&'a str>,
}

impl<'a> Holder<'a> {
    /// A subject; the user is the subject where that is a user, else whoever is given.
    pub(super) fn of(subject_type: Option<&'a str>, subject_id: Option<&'a str>, user: Option<&'a str>) -> Self {
        let user = if subject_type == Some("user") { subject_id } else { user };
        Self { user, subject_type, subject_id }
    }

    /// Whether a table has a place for at least one of them.
    pub(super) fn can_hold(&self, target: &Target) -> bool {
        self.user.is_some() || (target.has("subject_id") && self.subject_id.is_some())
    }

    /// Why none of them can have a row in this table, if so.
    pub(super) fn obstacle(&self, target: &Target) -> Option<&'static str> {
        let is_well_formed = self.user.is_none_or(|id| target.can_name("user_id", id))
            && self.subject_id.is_none_or(|id| target.can_name("subject_id", id));
        match (self.can_hold(target), is_well_formed) {
            (false, _) => Some("the checkout session names nobody to give it to"),
            (true, false) => Some("the id of who gets it is none that the table can name"),
            (true, true) => None,
        }
    }
}

/// A key's row on its way to a table.
pub(super) struct Key<'a> {
    pub(super) source: &'a str,
    pub(super) holder: Holder<'a>,
    pub(super) write: &'a KeyWrite,
}

/// Writes rows of many sources; raises where one of them is there already, or one that should be is not.
pub(super) fn write_all(target: &Target, keys: &[Key]) {
    if let [only] = keys {
        write(target, only);
        return;
    }
    let new: Vec<(&Key, &KeyRow)> = keys
        .iter()
        .filter(|key| !key.write.known)
        .filter_map(|key| key.write.row.as_ref().map(|row| (key, row)))
        .collect();
    if usize::try_from(insert(target, &new)) != Ok(new.len()) {
        target.raise_no_effect();
    }
    keys.iter().filter(|key| key.write.known || key.write.row.is_none()).for_each(|key| write(target, key));
}

/// Writes one row, whether it is there or not.
pub(super) fn write(target: &Target, key: &Key) {
    let Some(row) = &key.write.row else {
        return remove(target, key.source, &key.write.key);
    };
    let first = |known: bool| if known { update(target, key, row) } else { insert(target, &[(key, row)]) };
    // What is more likely first.
    let is_written = first(key.write.known) > 0 || first(!key.write.known) > 0;
    if !is_written {
        target.raise_no_effect();
    }
}

fn insert(target: &Target, keys: &[(&Key, &KeyRow)]) -> u64 {
    let rows = Rows::new(keys.len())
        .texts(keys.iter().map(|(key, _)| Some(key.source)))
        .texts(keys.iter().map(|(key, _)| Some(key.write.key.as_str())))
        .texts(keys.iter().map(|(key, _)| key.holder.user))
        .booleans(keys.iter().map(|(_, row)| row.active))
        .times(keys.iter().map(|(_, row)| row.starts_at))
        .times(keys.iter().map(|(_, row)| row.expires_at))
        .texts(keys.iter().map(|(key, _)| key.holder.subject_type))
        .texts(keys.iter().map(|(key, _)| key.holder.subject_id));
    target.run_rows(INSERT_ENTITLEMENTS, &rows).0
}

fn update(target: &Target, key: &Key, row: &KeyRow) -> u64 {
    let args = [
        text(key.source),
        text(key.write.key.as_str()),
        text(key.holder.user),
        row.active.into(),
        time(row.starts_at),
        time(row.expires_at),
        text(key.holder.subject_type),
        text(key.holder.subject_id),
    ];
    target.run(UPDATE_ENTITLEMENT, &args).0
}

/// Removes the row of one source and key.
pub(super) fn remove(target: &Target, source: &str, key: &str) {
    let args = [text(source), text(key)];
    if target.run(DELETE_ENTITLEMENT, &args).0 == 0 && target.run(FIND_ENTITLEMENT, &args).1.is_some() {
        target.raise_no_effect();
    }
}
