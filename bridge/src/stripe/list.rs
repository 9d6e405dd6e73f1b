//! Stripe's lists, page by page.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::client::Stripe;
use super::verdict::Reason;

/// The most that Stripe returns in one page.
pub const PAGE: u32 = 100;
/// How many seconds.
const CLOCKS_DIFFER: f64 = 5.0;

/// One page, its objects as they came.
#[derive(Debug, Deserialize)]
pub struct Page {
    /// The objects, the newest first.
    pub data: Vec<Box<RawValue>>,
    /// Whether there are more in the direction of reading.
    #[serde(default)]
    pub has_more: bool,
}

/// What is read of an object before it is passed on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Head {
    /// Its id.
    pub id: String,
    /// When it was made.
    #[serde(default)]
    pub created: i64,
}

/// The id and age of an object; none where it has no id.
#[must_use]
pub fn head(object: &RawValue) -> Option<Head> {
    serde_json::from_str(object.get()).ok()
}

/// Reads one page with these parameters.
///
/// # Errors
/// Where Stripe does not answer with one.
pub async fn page(stripe: &Stripe, path: &str, params: &Value) -> Result<Page, Reason> {
    let mut params = params.clone();
    if let Value::Object(fields) = &mut params {
        fields.insert("limit".to_owned(), json!(PAGE));
    }
    let answer = stripe.get(path, &params).await?;
    serde_json::from_str(&answer).map_err(|_| Reason {
        status: None,
        code: None,
        words: format!("Stripe's answer to GET {path} is no list"),
    })
}

/// Reads all pages, and makes one complete list of them, as JSON.
///
/// # Errors
/// Where Stripe does not answer with lists.
pub async fn whole(stripe: &Stripe, path: &str, params: &Value) -> Result<String, Reason> {
    let mut params = params.clone();
    let mut objects: Vec<Box<RawValue>> = Vec::new();
    loop {
        let page = page(stripe, path, &params).await?;
        objects.extend(page.data);
        let last = objects.last().and_then(|object| head(object));
        match (page.has_more, last) {
            (true, Some(last)) => params["starting_after"] = json!(last.id),
            _ => return Ok(joined(path, &objects)),
        }
    }
}

/// One complete list of objects, as Stripe would return it.
#[must_use]
pub fn joined(path: &str, objects: &[Box<RawValue>]) -> String {
    let objects: Vec<&str> = objects.iter().map(|object| object.get()).collect();
    format!(r#"{{"object":"list","url":{},"has_more":false,"data":[{}]}}"#, json!(path), objects.join(","))
}

/// When a fetching that begins now began, in seconds since 1970: a little earlier, since the clocks of two machines differ. What
/// events said since then goes before what is fetched.
#[must_use]
pub fn began_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() - CLOCKS_DIFFER
}
