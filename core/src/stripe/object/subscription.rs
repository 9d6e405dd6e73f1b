//! Subscriptions and their items. Source: <https://docs.stripe.com/api/subscriptions/object>.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{List, Metadata, Origin, Priced, Unreadable, or_default, read, reference};
use crate::subject::Subject;

/// The row of a subscription, named as the columns of `payments.subscriptions`. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subscription {
    /// `sub_…`.
    pub stripe_subscription_id: String,
    /// `cus_…`.
    pub stripe_customer_id: Option<String>,
    /// Stripe's status; `canceled` if the object is deleted and has none.
    pub status: String,
    /// The subscription's own up to API version 2025-02-24; since then, the earliest start among its items.
    pub current_period_start: Option<i64>,
    /// The same; since then, the latest end among its items.
    pub current_period_end: Option<i64>,
    /// Whether it ends with its period. Flexible billing leaves it false and sets `cancel_at`.
    pub cancel_at_period_end: bool,
    /// When it is scheduled to end.
    pub cancel_at: Option<i64>,
    /// When it was canceled; the end may be later.
    pub canceled_at: Option<i64>,
    /// What happens to its invoices while its collection is paused: `keep_as_draft`, `mark_uncollectible` or `void`.
    /// Its status stays as it was.
    pub pause_collection: Option<String>,
    /// When its collection resumes by itself.
    pub pause_resumes_at: Option<i64>,
    /// The start of its trial.
    pub trial_start: Option<i64>,
    /// The end of its trial.
    pub trial_end: Option<i64>,
    /// `in_…`.
    pub latest_invoice_id: Option<String>,
    /// As the app wrote it.
    pub metadata: std::collections::BTreeMap<String, String>,
}

/// The row of a subscription item, named as the columns of `payments.subscription_items`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// `si_…`.
    pub stripe_subscription_item_id: String,
    /// `sub_…`.
    pub stripe_subscription_id: String,
    /// `prod_…`.
    pub stripe_product_id: Option<String>,
    /// `price_…`.
    pub stripe_price_id: Option<String>,
    /// A metered item has none.
    pub quantity: Option<i64>,
    /// The start of its own period since API version 2025-03-31, when items may differ; before, of the subscription's.
    pub current_period_start: Option<i64>,
    /// The end of that period.
    pub current_period_end: Option<i64>,
    /// As the app wrote it.
    pub metadata: std::collections::BTreeMap<String, String>,
    /// The whole item, as Stripe sent it.
    pub raw: Box<serde_json::Value>,
}

/// One snapshot of a subscription with its items.
#[derive(Debug, Clone)]
pub struct SubscriptionSnapshot {
    /// The subscription.
    pub row: Subscription,
    /// The subject that its metadata names.
    pub subject: Option<Subject>,
    /// The items that the snapshot embeds.
    pub items: Vec<Item>,
    /// Whether it has more items than the snapshot embeds.
    pub has_more: bool,
}

#[derive(Deserialize)]
struct RawSubscription {
    id: String,
    #[serde(default, deserialize_with = "reference")]
    customer: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    status: String,
    current_period_start: Option<i64>,
    current_period_end: Option<i64>,
    cancel_at_period_end: Option<bool>,
    cancel_at: Option<i64>,
    canceled_at: Option<i64>,
    pause_collection: Option<PauseCollection>,
    trial_start: Option<i64>,
    trial_end: Option<i64>,
    #[serde(default, deserialize_with = "reference")]
    latest_invoice: Option<String>,
    #[serde(default)]
    metadata: Metadata,
    items: Option<List<Box<RawValue>>>,
}

#[derive(Deserialize)]
struct PauseCollection {
    #[serde(default, deserialize_with = "or_default")]
    behavior: String,
    resumes_at: Option<i64>,
}

#[derive(Deserialize)]
struct RawItem {
    id: String,
    price: Option<Priced>,
    plan: Option<Priced>,
    quantity: Option<i64>,
    current_period_start: Option<i64>,
    current_period_end: Option<i64>,
    #[serde(default)]
    metadata: Metadata,
}

impl SubscriptionSnapshot {
    /// Reads a subscription. `deleted` is whether the event or the object says that it is deleted.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(text: &str, deleted: bool, prefix: &str) -> Result<Self, Unreadable> {
        let subscription: RawSubscription = read("subscription", text)?;
        let (mut items, mut starts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        let has_more = subscription.items.as_ref().is_some_and(|list| list.has_more);
        for raw in subscription.items.map(|list| list.data).unwrap_or_default() {
            let item: RawItem = read("subscription item", raw.get())?;
            starts.extend(item.current_period_start);
            ends.extend(item.current_period_end);
            let (price, product) = item.price.or(item.plan).map_or((None, None), Priced::price_and_product);
            items.push(Item {
                stripe_subscription_item_id: item.id,
                stripe_subscription_id: subscription.id.clone(),
                stripe_product_id: product,
                stripe_price_id: price,
                quantity: item.quantity,
                current_period_start: item.current_period_start.or(subscription.current_period_start),
                current_period_end: item.current_period_end.or(subscription.current_period_end),
                metadata: item.metadata.0,
                raw: read("subscription item", raw.get())?,
            });
        }
        let (pause_collection, pause_resumes_at) =
            subscription.pause_collection.map_or((None, None), |pause| (Some(pause.behavior), pause.resumes_at));
        let subject = Origin::read(&subscription.metadata, prefix).subject;
        let row = Subscription {
            stripe_subscription_id: subscription.id,
            stripe_customer_id: subscription.customer,
            status: if deleted && subscription.status.is_empty() { "canceled".to_owned() } else { subscription.status },
            current_period_start: subscription.current_period_start.or(starts.into_iter().min()),
            current_period_end: subscription.current_period_end.or(ends.into_iter().max()),
            cancel_at_period_end: subscription.cancel_at_period_end.unwrap_or(false),
            cancel_at: subscription.cancel_at,
            canceled_at: subscription.canceled_at,
            pause_collection,
            pause_resumes_at,
            trial_start: subscription.trial_start,
            trial_end: subscription.trial_end,
            latest_invoice_id: subscription.latest_invoice,
            metadata: subscription.metadata.0,
        };
        Ok(Self { row, subject, items, has_more })
    }
}
