//! What a request to pay, or to open the portal, may hold: checks that need no database. The guards check the rest: who
//! may bill for a subject, whether a price can be sold, and whether live is approved.

pub mod change;
pub mod defaults;
pub mod free;
pub mod limits;
mod refusal;
mod url;

pub use refusal::Refusal;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use self::limits::{
    MAX_KEY, MAX_LINE_ITEMS, MAX_METADATA_KEY, MAX_METADATA_KEYS, MAX_METADATA_VALUE, MAX_NAME, MAX_QUANTITY,
};
use crate::metadata_prefix;
use crate::redact::{json_looks_secret, looks_secret};
use crate::visible::steers;

/// The columns that make up a request.
const REQUEST: [&str; 8] =
    ["mode", "subject_type", "subject_id", "customer_email", "line_items", "success_url", "cancel_url", "metadata"];
/// Separates a parked key from the digest of its caller. No valid key contains it.
const PARKED: char = '\u{1f}';

/// The columns of a checkout session that its caller writes, named as the table names them.
#[derive(Debug, Default, Clone)]
pub struct Checkout {
    /// The row's id, which the metadata may name.
    pub id: String,
    /// `test` or `live`.
    pub environment: Option<String>,
    /// `payment` or `subscription`.
    pub mode: Option<String>,
    /// The billed subject's type.
    pub subject_type: Option<String>,
    /// The billed subject's id.
    pub subject_id: Option<String>,
    /// Where Stripe sends the receipt.
    pub customer_email: Option<String>,
    /// What is bought; JSON text.
    pub line_items: Option<String>,
    /// Where the buyer returns after paying.
    pub success_url: Option<String>,
    /// Where the buyer returns without paying.
    pub cancel_url: Option<String>,
    /// The caller's own name of this request.
    pub idempotency_key: Option<String>,
    /// The caller's notes; JSON text.
    pub metadata: Option<String>,
}

/// The columns of a portal session that its caller writes, named as the table names them.
#[derive(Debug, Default, Clone)]
pub struct Portal {
    /// `test` or `live`.
    pub environment: Option<String>,
    /// The billed subject's type.
    pub subject_type: Option<String>,
    /// The billed subject's id.
    pub subject_id: Option<String>,
    /// Where the customer returns.
    pub return_url: Option<String>,
    /// The portal configuration; `bpc_…`.
    pub configuration_id: Option<String>,
}

/// One line item as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedItem {
    /// What is bought.
    pub price: PriceName,
    /// How many.
    pub quantity: u64,
}

/// By which name a price is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PriceName {
    /// Stripe's id of it.
    Id(String),
    /// The app's own name, which the catalog knows.
    LookupKey(String),
}

impl Checkout {
    /// Checks all that needs no database, and returns what is bought.
    ///
    /// `prefix` is the setting's prefix of reserved metadata keys: see [`metadata_prefix`].
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, prefix: &str) -> Result<Vec<AskedItem>, Refusal> {
        self.no_secret()?;
        environment(self.environment.as_deref())?;
        match self.mode.as_deref() {
            Some("payment" | "subscription") => {}
            other => return Err(Refusal::Mode(other.map(ToOwned::to_owned))),
        }
        subject(self.subject_type.as_deref(), self.subject_id.as_deref())?;
        if self.mode.as_deref() == Some("subscription") && self.subject_id.is_none() {
            return Err(Refusal::SubscriptionWithoutSubject);
        }
        let items = line_items(self.line_items.as_deref())?;
        url("success_url", self.success_url.as_deref().ok_or(Refusal::Missing("success_url"))?)?;
        url("cancel_url", self.cancel_url.as_deref().ok_or(Refusal::Missing("cancel_url"))?)?;
        self.customer_email.as_deref().map_or(Ok(()), email)?;
        self.idempotency_key.as_deref().map_or(Ok(()), key)?;
        self.metadata(prefix)?;
        Ok(items)
    }

    /// Whether any column contains what looks like a Stripe secret.
    #[must_use]
    pub fn holds_secret(&self) -> bool {
        self.no_secret().is_err()
    }

    fn no_secret(&self) -> Result<(), Refusal> {
        no_secret(&[
            ("environment", self.environment.as_deref()),
            ("mode", self.mode.as_deref()),
            ("subject_type", self.subject_type.as_deref()),
            ("subject_id", self.subject_id.as_deref()),
            ("customer_email", self.customer_email.as_deref()),
            ("success_url", self.success_url.as_deref()),
            ("cancel_url", self.cancel_url.as_deref()),
            ("idempotency_key", self.idempotency_key.as_deref()),
        ])?;
        for (column, json) in [("line_items", &self.line_items), ("metadata", &self.metadata)] {
            if json.as_deref().is_some_and(json_looks_secret) {
                return Err(Refusal::Secret(column));
            }
        }
        Ok(())
    }

    /// A digest of the request; see [`digest`].
    #[must_use]
    pub fn digest(&self, prefix: &str) -> String {
        let parse = |text: &Option<String>| text.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
        let session = json!({
            "mode": self.mode,
            "subject_type": self.subject_type,
            "subject_id": self.subject_id,
            "customer_email": self.customer_email,
            "line_items": parse(&self.line_items),
            "success_url": self.success_url,
            "cancel_url": self.cancel_url,
            "metadata": parse(&self.metadata),
        });
        digest_of(&session, prefix)
    }

    fn metadata(&self, prefix: &str) -> Result<(), Refusal> {
        let Value::Object(metadata) = json("metadata", self.metadata.as_deref())? else {
            return Err(Refusal::MetadataShape);
        };
        let own = metadata.keys().filter(|key| self.implied_by_key(key, prefix).is_none()).count();
        if own > MAX_METADATA_KEYS {
            return Err(Refusal::MetadataKeys(own));
        }
        for (key, value) in &metadata {
            let Value::String(value) = value else {
                return Err(Refusal::MetadataValue(key.clone()));
            };
            let length = key.chars().count();
            if length == 0 || length > MAX_METADATA_KEY || key.contains(['[', ']']) {
                return Err(Refusal::MetadataKey(key.clone()));
            }
            if value.chars().count() > MAX_METADATA_VALUE {
                return Err(Refusal::MetadataTooLong(key.clone()));
            }
            if let Some(reserving) = metadata_prefix::reserving(key, prefix)
                && self.implied_by_key(key, prefix) != Some(value.as_str())
            {
                return Err(Refusal::Reserved { key: key.clone(), prefix: reserving.to_owned() });
            }
        }
        Ok(())
    }

    /// The value that the row implies for a metadata key.
    fn implied_by_key(&self, key: &str, prefix: &str) -> Option<&str> {
        metadata_prefix::strip(key, prefix).and_then(|name| self.implied(name))
    }

    /// The value that the row implies for a reserved key, named without its prefix.
    fn implied(&self, key: &str) -> Option<&str> {
        match key {
            "subject_type" => self.subject_type.as_deref(),
            "subject_id" => self.subject_id.as_deref(),
            "checkout_mode" => self.mode.as_deref(),
            "checkout_session_id" => Some(&self.id),
            _ => None,
        }
    }
}

impl Portal {
    /// Checks all that needs no database.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), Refusal> {
        self.no_secret()?;
        environment(self.environment.as_deref())?;
        if self.subject_type.is_none() && self.subject_id.is_none() {
            return Err(Refusal::Missing("subject_type"));
        }
        subject(self.subject_type.as_deref(), self.subject_id.as_deref())?;
        self.return_url.as_deref().map_or(Ok(()), |value| url("return_url", value))?;
        match self.configuration_id.as_deref() {
            Some(value) if !is_name(value) => Err(Refusal::Name("configuration_id")),
            _ => Ok(()),
        }
    }

    /// Whether any column contains what looks like a Stripe secret.
    #[must_use]
    pub fn holds_secret(&self) -> bool {
        self.no_secret().is_err()
    }

    fn no_secret(&self) -> Result<(), Refusal> {
        no_secret(&[
            ("environment", self.environment.as_deref()),
            ("subject_type", self.subject_type.as_deref()),
            ("subject_id", self.subject_id.as_deref()),
            ("return_url", self.return_url.as_deref()),
            ("configuration_id", self.configuration_id.as_deref()),
        ])
    }
}

/// A digest of the request that a session (as JSON) makes: equal requests have equal digests. Reserved metadata keys
/// don't count, because the row implies them.
#[must_use]
pub fn digest(session: &str, prefix: &str) -> String {
    serde_json::from_str(session)
        .map_or_else(|_| hex::encode(Sha256::digest(session)), |session| digest_of(&session, prefix))
}

fn digest_of(session: &Value, prefix: &str) -> String {
    let mut content = Map::new();
    for column in REQUEST {
        content.insert(column.to_owned(), session.get(column).cloned().unwrap_or_default());
    }
    if let Some(Value::Object(metadata)) = content.get_mut("metadata") {
        metadata.retain(|key, _| metadata_prefix::strip(key, prefix).is_none());
    }
    hex::encode(Sha256::digest(Value::Object(content).to_string()))
}

/// The form in which a row keeps its idempotency key while another caller's row has the key itself. No caller can
/// present it.
#[must_use]
pub fn park_key(key: &str, created_by: Option<&str>, guest: bool) -> String {
    let caller = match created_by {
        _ if guest => "guest".to_owned(),
        Some(user) => format!("user {user}"),
        None => "backend".to_owned(),
    };
    format!("{key}{PARKED}{}", hex::encode(Sha256::digest(caller)))
}

/// The form in which another guest's row keeps its key: no caller gets it back.
#[must_use]
pub fn park_key_forever(key: &str, id: &str) -> String {
    format!("{key}{PARKED}{}", hex::encode(Sha256::digest(format!("row {id}"))))
}

fn no_secret(columns: &[(&'static str, Option<&str>)]) -> Result<(), Refusal> {
    match columns.iter().find(|(_, value)| value.is_some_and(looks_secret)) {
        Some((column, _)) => Err(Refusal::Secret(column)),
        None => Ok(()),
    }
}

fn environment(value: Option<&str>) -> Result<(), Refusal> {
    match value {
        Some("test" | "live") => Ok(()),
        other => Err(Refusal::Environment(other.map(ToOwned::to_owned))),
    }
}

fn subject(subject_type: Option<&str>, subject_id: Option<&str>) -> Result<(), Refusal> {
    match (subject_type, subject_id) {
        (None, None) => Ok(()),
        (Some(kind), Some(id)) if is_name(kind) && is_name(id) => Ok(()),
        (Some(kind), Some(_)) => Err(Refusal::Name(if is_name(kind) { "subject_id" } else { "subject_type" })),
        (None, Some(_)) => Err(Refusal::IncompleteSubject("subject_type")),
        (Some(_), None) => Err(Refusal::IncompleteSubject("subject_id")),
    }
}

fn is_name(value: &str) -> bool {
    !value.trim().is_empty() && value.chars().count() <= MAX_NAME && !value.contains(steers)
}

/// Whether it can be the id of a price. People read it in stories and reasons, so it has visible characters only.
fn is_price(value: &str) -> bool {
    is_name(value) && value.chars().all(|c| c.is_ascii_graphic())
}

fn key(value: &str) -> Result<(), Refusal> {
    let length = value.chars().count();
    if value.trim().is_empty() || length > MAX_KEY || value.contains(steers) {
        return Err(Refusal::Key(length));
    }
    Ok(())
}

fn url(column: &'static str, value: &str) -> Result<(), Refusal> {
    if url::is_url(value) { Ok(()) } else { Err(Refusal::Url { column, given: value.to_owned() }) }
}

fn email(value: &str) -> Result<(), Refusal> {
    let odd = |c: char| c.is_whitespace() || steers(c) || matches!(c, '<' | '>' | ',' | ';' | '"');
    let mut parts = value.split('@');
    let (Some(local), Some(domain), None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Refusal::Email(value.to_owned()));
    };
    let dotted = domain.split('.').count() > 1 && domain.split('.').all(|label| !label.is_empty());
    if local.is_empty() || !dotted || value.chars().any(odd) || value.chars().count() > 512 {
        return Err(Refusal::Email(value.to_owned()));
    }
    Ok(())
}

fn json(column: &'static str, text: Option<&str>) -> Result<Value, Refusal> {
    text.map_or(Ok(Value::Null), |text| serde_json::from_str(text).map_err(|_| Refusal::Json(column)))
}

/// The items of a JSON text.
///
/// # Errors
/// The first thing that is wrong with them.
pub fn line_items(text: Option<&str>) -> Result<Vec<AskedItem>, Refusal> {
    let Value::Array(items) = json("line_items", text)? else {
        return Err(Refusal::LineItemsShape);
    };
    if items.is_empty() || items.len() > MAX_LINE_ITEMS {
        return Err(Refusal::LineItemsCount(items.len()));
    }
    items.iter().enumerate().map(|(place, item)| line_item(place + 1, item)).collect()
}

fn line_item(place: usize, item: &Value) -> Result<AskedItem, Refusal> {
    let refuse = |why| Refusal::LineItem { place, why };
    let Value::Object(item) = item else {
        return Err(refuse("It is not an object."));
    };
    if item.keys().any(|key| !matches!(key.as_str(), "price" | "stripePriceId" | "lookup_key" | "quantity")) {
        return Err(refuse("It has another key than price (or stripePriceId), lookup_key and quantity."));
    }
    let mut names = ["price", "stripePriceId", "lookup_key"].into_iter().filter_map(|key| Some((key, item.get(key)?)));
    let price = match (names.next(), names.next()) {
        (Some(("lookup_key", Value::String(key))), None) if is_name(key) => PriceName::LookupKey(key.clone()),
        (Some((_, Value::String(price))), None) if is_price(price) => PriceName::Id(price.clone()),
        (Some(_), Some(_)) => return Err(refuse("It names its price twice.")),
        (Some((_, Value::String(name))), None) if !name.trim().is_empty() => {
            return Err(refuse("The name of its price is too long, or has characters that no such name has."));
        }
        _ => return Err(refuse("It names no price.")),
    };
    Ok(AskedItem {
        price,
        quantity: quantity(item).ok_or_else(|| refuse("Its quantity is not a whole number from 1 to 999999."))?,
    })
}

/// The line items with each price by its id, where some are asked for by lookup key; `found` are the ids of all items, in their order.
#[must_use]
pub fn by_price_id(line_items: &str, found: &[String]) -> Option<String> {
    let Ok(Value::Array(mut items)) = serde_json::from_str(line_items) else { return None };
    let mut changed = false;
    for (item, price) in items.iter_mut().zip(found) {
        if let Value::Object(item) = item
            && item.remove("lookup_key").is_some()
        {
            item.insert("price".to_owned(), price.as_str().into());
            changed = true;
        }
    }
    changed.then(|| Value::Array(items).to_string())
}

/// One, unless it says how many.
fn quantity(item: &Map<String, Value>) -> Option<u64> {
    item.get("quantity").map_or(Some(1), Value::as_u64).filter(|quantity| (1..=MAX_QUANTITY).contains(quantity))
}

#[cfg(test)]
mod tests;
