//! Stripe's paginated lists.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::client::Stripe;
use super::verdict::Reason;

/// The maximum number of objects that Stripe returns in one page.
pub const PAGE_SIZE: u32 = 100;
/// How far the clocks of two machines may differ, in seconds.
const CLOCK_SKEW: f64 = 5.0;

/// One page of a list.
#[derive(Debug, Deserialize)]
pub struct Page {
    /// The objects as Stripe rendered them, newest first.
    pub data: Vec<Box<RawValue>>,
    /// Whether there are more objects in the direction of reading.
    #[serde(default)]
    pub has_more: bool,
}

/// The fields of an object that the bridge itself reads.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Head {
    /// The id of the object.
    pub id: String,
    /// When the object was created, in seconds since 1970.
    #[serde(default)]
    pub created: i64,
}

/// The id and creation time of an object, or `None` if it has no id.
#[must_use]
pub fn head(object: &RawValue) -> Option<Head> {
    serde_json::from_str(object.get()).ok()
}

/// Reads one page.
///
/// # Errors
/// If the request fails, or the response is not a list.
pub async fn page(stripe: &Stripe, path: &str, params: &Value) -> Result<Page, Reason> {
    let mut params = params.clone();
    if let Value::Object(fields) = &mut params {
        fields.insert("limit".to_owned(), json!(PAGE_SIZE));
    }
    let body = stripe.get(path, &params).await?;
    serde_json::from_str(&body).map_err(|_| Reason {
        status: None,
        code: None,
        message: format!("Stripe's response to GET {path} is not a list"),
    })
}

/// Reads all pages. Returns one complete list as JSON.
///
/// # Errors
/// As for [`page`].
pub async fn all_pages(stripe: &Stripe, path: &str, params: &Value) -> Result<String, Reason> {
    let mut params = params.clone();
    let mut objects: Vec<Box<RawValue>> = Vec::new();
    loop {
        let page = page(stripe, path, &params).await?;
        objects.extend(page.data);
        let last = objects.last().and_then(|object| head(object));
        match (page.has_more, last) {
            (true, Some(last)) => params["starting_after"] = json!(last.id),
            _ => return Ok(complete_list(path, &objects)),
        }
    }
}

/// A list that contains all of these objects, as JSON in the form that Stripe uses.
#[must_use]
pub fn complete_list(path: &str, objects: &[Box<RawValue>]) -> String {
    let objects: Vec<&str> = objects.iter().map(|object| object.get()).collect();
    format!(r#"{{"object":"list","url":{},"has_more":false,"data":[{}]}}"#, json!(path), objects.join(","))
}

/// The start time of a fetch that starts now, in seconds since 1970. Events from after this time take precedence over
/// the fetched objects. It is a few seconds early, because the clocks of two machines differ.
#[must_use]
pub fn fetch_start() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() - CLOCK_SKEW
}
