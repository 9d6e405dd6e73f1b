//! Parameters of a request to Stripe, and what is done with them.

use serde_json::{Map, Value, json};

/// Parameters, as Stripe names them.
pub type Params = Map<String, Value>;

pub(super) fn remove(params: &mut Params, names: &[&str]) {
    for name in names {
        params.remove(*name);
    }
}

/// Writes what is newer over what is there, field by field.
pub(super) fn overlay(params: &mut Params, newer: Params) {
    for (name, value) in newer {
        match (params.get_mut(&name), value) {
            (Some(Value::Object(there)), Value::Object(value)) => overlay(there, value),
            (_, value) => {
                params.insert(name, value);
            }
        }
    }
}

pub(super) fn json_object(value: Value) -> Params {
    match value {
        Value::Object(object) => object,
        _ => Params::new(),
    }
}

pub(super) fn at<'a>(params: &'a Params, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(params.get(*first)?, |value, name| value.get(name))
}

/// Writes the value of a path, or takes it away.
pub(super) fn put(params: &mut Params, path: &[&str], value: Option<Value>) {
    let Some((last, within)) = path.split_last() else { return };
    if let Some(value) = value {
        let nested = within.iter().rev().fold(json!({*last: value.clone()}), |inner, name| json!({*name: inner}));
        put(params, path, None);
        overlay(params, json_object(nested));
        return;
    }
    let mut there = Some(params);
    for name in within {
        there = there.and_then(|params| params.get_mut(*name)?.as_object_mut());
    }
    if let Some(there) = there {
        there.remove(*last);
    }
}
