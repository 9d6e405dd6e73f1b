//! Why a session is refused: the message, SQLSTATE, DETAIL and HINT of each reason. None of them quotes a secret.

use super::limits::{MAX_KEY, MAX_LINE_ITEMS, MAX_METADATA_KEY, MAX_METADATA_KEYS, MAX_METADATA_VALUE, MAX_QUANTITY};
use crate::redact::without_secrets;

/// Why a session is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A column contains what looks like a Stripe secret.
    Secret(&'static str),
    /// Neither `test` nor `live`.
    Environment(Option<String>),
    /// Neither `payment` nor `subscription`.
    Mode(Option<String>),
    /// A column that must have a value.
    Missing(&'static str),
    /// Only one of a subject's two columns has a value; the other is named here.
    IncompleteSubject(&'static str),
    /// A subscription without a subject.
    SubscriptionWithoutSubject,
    /// A name that is blank, too long, or contains control characters.
    Name(&'static str),
    /// The line items are not an array.
    LineItemsShape,
    /// Too few or too many line items.
    LineItemsCount(usize),
    /// One line item, counted from 1.
    LineItem {
        /// Which one.
        place: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A price that is no longer sold.
    PriceInactive(String),
    /// A price of the other environment.
    PriceElsewhere(String),
    /// A lookup key that no active price has.
    LookupKeyUnknown(String),
    /// A lookup key that several active prices have.
    LookupKeyAmbiguous(String),
    /// The subject has a subscription of the product.
    SecondSubscription {
        /// The subject's type.
        subject_type: String,
        /// Its id.
        subject_id: String,
        /// Stripe's id of the subscription.
        subscription: String,
        /// Its status.
        status: String,
    },
    /// A price that doesn't fit the mode.
    PriceMode {
        /// Which price.
        price: String,
        /// Whether the catalog says that it recurs.
        recurring: bool,
    },
    /// More than a caller may have of a price that gives credits and costs him nothing.
    FreeQuantity {
        /// Which price.
        price: String,
        /// How many were asked for.
        quantity: u64,
        /// How many a caller may have.
        most: u64,
        /// Whether it costs nothing only because it begins with a trial.
        in_trial: bool,
    },
    /// What is not an absolute URL.
    Url {
        /// Which column.
        column: &'static str,
        /// What was given.
        given: String,
    },
    /// What is not an e-mail address.
    Email(String),
    /// A column whose JSON can't be parsed.
    Json(&'static str),
    /// Metadata that is not an object.
    MetadataShape,
    /// Too many metadata keys.
    MetadataKeys(usize),
    /// A metadata key that Stripe would refuse.
    MetadataKey(String),
    /// A metadata value that is not a string; its key.
    MetadataValue(String),
    /// A metadata value that is too long; its key.
    MetadataTooLong(String),
    /// A reserved metadata key with a value that the row doesn't imply.
    Reserved {
        /// The key.
        key: String,
        /// The prefix that reserves it.
        prefix: String,
    },
    /// An idempotency key that is blank, too long, or contains control characters; its length.
    Key(usize),
    /// A column that only the backend writes.
    NotYours(&'static str),
    /// The transaction's isolation level hides which row has an idempotency key.
    Isolation,
    /// The transaction's isolation level hides whether the subject had a trial.
    IsolationOfTrial,
    /// A caller without an identity named a subject.
    Anonymous,
    /// The subject type is not registered, so nobody may bill for it.
    Unregistered(String),
    /// The caller may not bill for the subject.
    NotOwned {
        /// Its type.
        subject_type: String,
        /// Its id.
        subject_id: String,
    },
    /// A column that is not an id of Stripe's.
    StripeId(&'static str),
    /// Neither `cancel` nor `resume` nor `change`.
    Action(Option<String>),
    /// A price or a quantity beside an action that takes none.
    ChangeOnly,
    /// A change of nothing.
    NothingToChange,
    /// A quantity that Stripe would refuse.
    Quantity(i64),
    /// A quantity of what is billed by usage.
    MeteredQuantity,
    /// A price that the catalog lacks.
    PriceUnknown(String),
    /// A price in another currency than the subscription's.
    PriceCurrency {
        /// Which price.
        price: String,
        /// Its currency.
        currency: String,
        /// The subscription's.
        subscribed: String,
    },
    /// Which item is to change can't be told; how many there are.
    ItemUnclear(usize),
    /// The subscription has ended; its status.
    SubscriptionEnded(String),
    /// A request of another kind has the id.
    IdTaken(String),
    /// The first invoice of the subscription is not paid.
    SubscriptionIncomplete,
    /// The subscription's invoices are not collected for the time being.
    CollectionPaused,
    /// The subscription's invoices are sent to the customer, who pays them later.
    InvoicesAreSent,
    /// No subscription has this id.
    SubscriptionUnknown(String),
    /// The caller may not bill for this subscription's subject, or there is none.
    SubscriptionNotOwned(String),
    /// The caller has as many open sessions as the limit allows.
    TooManyOpen {
        /// The kind of session.
        kind: &'static str,
        /// The limit.
        limit: i64,
    },
}

impl Refusal {
    /// The SQLSTATE.
    #[must_use]
    pub fn sqlstate(&self) -> &'static str {
        match self {
            Self::SecondSubscription { .. } | Self::IdTaken(_) => "23505",
            Self::Isolation | Self::IsolationOfTrial => "25001",
            Self::TooManyOpen { .. } => "54000",
            Self::NotYours(_)
            | Self::Anonymous
            | Self::Unregistered(_)
            | Self::NotOwned { .. }
            | Self::SubscriptionNotOwned(_) => "42501",
            Self::SubscriptionEnded(_)
            | Self::SubscriptionIncomplete
            | Self::InvoicesAreSent
            | Self::CollectionPaused => "55000",
            _ => "22023",
        }
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Secret(column) => format!("{column} looks like a stripe secret"),
            Self::Environment(_) => "environment must be test or live".to_owned(),
            Self::Mode(_) => "mode must be payment or subscription".to_owned(),
            Self::Missing(column) => format!("{column} must not be null"),
            Self::IncompleteSubject(_) => "subject_type and subject_id go together".to_owned(),
            Self::SubscriptionWithoutSubject => "a subscription needs a subject".to_owned(),
            Self::Name(column) => format!("{column} is not usable"),
            Self::LineItemsShape => "line_items must be an array".to_owned(),
            Self::LineItemsCount(_) => format!("line_items must have 1 to {MAX_LINE_ITEMS} items"),
            Self::LineItem { .. } => "line item is not usable".to_owned(),
            Self::PriceInactive(_) => "price is not active".to_owned(),
            Self::PriceElsewhere(_) => "price is of the other environment".to_owned(),
            Self::LookupKeyUnknown(_) => "no active price has this lookup key".to_owned(),
            Self::LookupKeyAmbiguous(_) => "several active prices have this lookup key".to_owned(),
            Self::SecondSubscription { .. } => "subject has a subscription of this product".to_owned(),
            Self::PriceMode { recurring: true, .. } => "a recurring price needs mode subscription".to_owned(),
            Self::PriceMode { recurring: false, .. } => "a subscription needs a recurring price".to_owned(),
            Self::FreeQuantity { .. } => "so many may not be had for nothing".to_owned(),
            Self::Url { column, .. } => format!("{column} must be an absolute http or https url"),
            Self::Email(_) => "customer_email is not an e-mail address".to_owned(),
            Self::Json(column) => format!("{column} cannot be read"),
            Self::MetadataShape => "metadata must be an object".to_owned(),
            Self::MetadataKeys(_) => format!("metadata has more than {MAX_METADATA_KEYS} keys"),
            Self::MetadataKey(_) => "metadata key is not usable".to_owned(),
            Self::MetadataValue(_) => "metadata value must be a string".to_owned(),
            Self::MetadataTooLong(_) => format!("metadata value has more than {MAX_METADATA_VALUE} characters"),
            Self::Reserved { .. } => "metadata key is reserved".to_owned(),
            Self::Key(_) => "idempotency_key is not usable".to_owned(),
            Self::NotYours(column) => format!("{column} is not written by callers"),
            Self::Isolation => "idempotency keys are used under read committed only".to_owned(),
            Self::IsolationOfTrial => "trials are given under read committed only".to_owned(),
            Self::Anonymous => "caller is not signed in".to_owned(),
            Self::Unregistered(_) => "subject type is not registered".to_owned(),
            Self::NotOwned { .. } => "caller may not bill for this subject".to_owned(),
            Self::StripeId(column) => format!("{column} is not an id of stripe"),
            Self::Action(_) => "action must be cancel, resume or change".to_owned(),
            Self::ChangeOnly => "price and quantity go with action change".to_owned(),
            Self::NothingToChange => "a change needs a price or a quantity".to_owned(),
            Self::Quantity(_) => "quantity is not usable".to_owned(),
            Self::MeteredQuantity => "what is billed by usage has no quantity".to_owned(),
            Self::PriceUnknown(_) => "price is not known".to_owned(),
            Self::PriceCurrency { .. } => "price is of another currency than the subscription".to_owned(),
            Self::ItemUnclear(_) => "which item of the subscription is to change is not clear".to_owned(),
            Self::SubscriptionEnded(_) => "subscription has ended".to_owned(),
            Self::SubscriptionIncomplete => "subscription is not paid yet".to_owned(),
            Self::CollectionPaused => "subscription's payments are paused".to_owned(),
            Self::InvoicesAreSent => "subscription is paid by invoices that are sent".to_owned(),
            Self::SubscriptionUnknown(_) => "subscription is not known".to_owned(),
            Self::SubscriptionNotOwned(_) => "caller may not bill for this subscription".to_owned(),
            Self::IdTaken(_) => "another request has this id".to_owned(),
            Self::TooManyOpen { kind: "subscription change", .. } => {
                "caller has asked for too many subscription changes".to_owned()
            }
            Self::TooManyOpen { kind, .. } => format!("caller has too many open {kind} sessions"),
        }
    }

    /// The DETAIL: the offending values, without secrets.
    #[must_use]
    pub fn detail(&self) -> String {
        without_secrets(&self.raw_detail())
    }

    fn raw_detail(&self) -> String {
        match self {
            Self::Secret(column) => {
                format!("Its value, which is not shown, begins as Stripe's keys do; {column} is readable by others.")
            }
            Self::Environment(given) | Self::Mode(given) | Self::Action(given) => shown(given.as_deref()),
            Self::Missing(column) => format!("{column} is null."),
            Self::IdTaken(id) => format!("Id {id}."),
            Self::IncompleteSubject(column) => format!("{column} is null, the other is not."),
            Self::SubscriptionWithoutSubject => "subject_type and subject_id are null.".to_owned(),
            Self::Name(column) => {
                format!("{column} is blank, longer than 255 characters, or holds control characters.")
            }
            Self::LineItemsShape => "line_items is not a JSON array.".to_owned(),
            Self::LineItemsCount(count) => format!("It has {count}."),
            Self::MetadataKeys(count) => format!("It has {count}, those that link back to the session not counted."),
            Self::LineItem { place, why } => format!("Item {place}: {why}"),
            Self::PriceInactive(price) | Self::PriceElsewhere(price) => format!("Price {price}."),
            Self::LookupKeyUnknown(key) | Self::LookupKeyAmbiguous(key) => format!("Lookup key {}.", short(key)),
            Self::SecondSubscription { subject_type, subject_id, subscription, status } => {
                format!("Subject {} {}, subscription {subscription}, {status}.", short(subject_type), short(subject_id))
            }
            Self::PriceMode { price, recurring: true } => format!("Price {price} recurs."),
            Self::PriceMode { price, recurring: false } => format!("Price {price} does not recur."),
            Self::FreeQuantity { price, quantity, most, in_trial } => {
                let why = if *in_trial { "has a trial that gives credits" } else { "costs nothing and gives credits" };
                format!("Price {} {why}: {quantity} of it, payments.max_free_quantity allows {most}.", short(price))
            }
            Self::Url { given, .. } => {
                format!("{:?} has another scheme, no host, a user name or blanks, or is too long.", short(given))
            }
            Self::Email(given) => format!("{:?} is not of the form name@host.domain.", short(given)),
            Self::Json(_) => "It holds a number beyond 1e308, or is nested deeper than 127 levels.".to_owned(),
            Self::MetadataShape => "metadata is not a JSON object.".to_owned(),
            Self::MetadataKey(key) => format!(
                "Key {}: it is empty, longer than {MAX_METADATA_KEY} characters, or holds a square bracket.",
                short(key)
            ),
            Self::MetadataValue(key) | Self::MetadataTooLong(key) => format!("Key {}.", short(key)),
            Self::Reserved { key, prefix } => {
                format!("Key {} begins with {prefix}, and its value is not what the row implies.", short(key))
            }
            Self::Key(length) => {
                format!("It is blank, longer than {MAX_KEY} characters, or holds control characters; it has {length}.")
            }
            Self::NotYours(column) => format!("{column} was given."),
            Self::Isolation | Self::IsolationOfTrial => {
                "This transaction is repeatable read or serializable.".to_owned()
            }
            Self::Anonymous => {
                "There is no user id in the request's claims, or the session's role is no gateway.".to_owned()
            }
            Self::Unregistered(subject_type) => format!("Subject type {}.", short(subject_type)),
            Self::NotOwned { subject_type, subject_id } => {
                format!("Subject {} {}.", short(subject_type), short(subject_id))
            }
            Self::TooManyOpen { limit, .. } => {
                format!("There are {limit} of the last 24 hours; payments.max_open_sessions allows no more.")
            }
            _ => self.detail_of_change(),
        }
    }

    /// The same, of a request to change a subscription.
    fn detail_of_change(&self) -> String {
        match self {
            Self::StripeId(_) => {
                "It is empty, too long, or has other characters than letters, digits and _.".to_owned()
            }
            Self::ChangeOnly => "The action is another.".to_owned(),
            Self::NothingToChange => "price and quantity are null.".to_owned(),
            Self::Quantity(given) => format!("It is {given}, which is not from 1 to {MAX_QUANTITY}."),
            Self::MeteredQuantity => "A quantity was given.".to_owned(),
            Self::PriceUnknown(price) => format!("Price {}.", short(price)),
            Self::PriceCurrency { price, currency, subscribed } => {
                format!("Price {} is in {currency}, the subscription in {subscribed}.", short(price))
            }
            Self::ItemUnclear(count) => {
                format!("It has {count} items, and the price's product tells none of them from the others.")
            }
            Self::SubscriptionEnded(status) => format!("Its status is {status}."),
            Self::SubscriptionIncomplete => "Its status is incomplete.".to_owned(),
            Self::CollectionPaused => {
                "Its pause_collection is set, so that the change would not be paid for.".to_owned()
            }
            Self::InvoicesAreSent => {
                "Its collection_method is send_invoice, for which Stripe has no pending updates.".to_owned()
            }
            Self::SubscriptionUnknown(id) | Self::SubscriptionNotOwned(id) => format!("Subscription {}.", short(id)),
            _ => String::new(),
        }
    }

    /// The HINT: the next step.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Secret(_) => "Keep Stripe's keys in the backend; roll this one if it was ever stored or sent.",
            Self::Environment(_) => "Pass 'test' or 'live'.",
            Self::Mode(_) => "Pass 'payment' or 'subscription'.",
            Self::Missing(_) => "Pass a value.",
            Self::IncompleteSubject(_) => "Pass both, or neither for a guest's one-time checkout.",
            Self::SubscriptionWithoutSubject => {
                "Say who is billed, for example subject_type 'user' with the caller's own id."
            }
            Self::Name(_) => "Pass the id as the app stores it.",
            Self::LineItemsShape | Self::LineItemsCount(_) | Self::LineItem { .. } => {
                "Each item reads {\"price\": \"price_…\", \"quantity\": 1}, or lookup_key in place of price."
            }
            Self::PriceInactive(_) => "Sell an active price.",
            Self::PriceElsewhere(_) => "Use a price of the environment that is asked for.",
            Self::LookupKeyUnknown(_) => {
                "Sync the catalog with payments.sync_stripe_objects(), or pass the price's id."
            }
            Self::LookupKeyAmbiguous(_) => {
                "Sync the catalog with payments.sync_stripe_objects(): at Stripe one price has it. Or pass the price's id."
            }
            Self::SecondSubscription { .. } => {
                "Change that one, in the customer portal or with payments.request_subscription_change(); with the setting \
                 payments.allow_second_subscription a subject may have several."
            }
            Self::PriceMode { .. } => "Use the mode that fits the price, or a price that fits the mode.",
            Self::FreeQuantity { .. } => {
                "Ask for fewer. A backend may ask for any quantity, and a superuser sets payments.max_free_quantity."
            }
            Self::Url { .. } => "Pass a URL such as https://app.example.com/paid.",
            Self::Email(_) => "Pass an address, or null.",
            Self::Json(_) => "Write large numbers as strings, and nest less.",
            Self::MetadataShape | Self::MetadataValue(_) => "Pass an object of strings; write numbers as strings.",
            Self::MetadataKeys(_) | Self::MetadataTooLong(_) => {
                "Keep the data in a table of yours, and its id in metadata."
            }
            Self::MetadataKey(_) => "Stripe takes keys of 1 to 40 characters without [ and ].",
            Self::Reserved { .. } => "Leave the key out: payments.stripe_request() adds it.",
            Self::Key(_) => "Pass 1 to 200 printable characters that name this one request.",
            Self::NotYours(_) => "Leave it out; the backend writes it with payments.record_stripe_response().",
            Self::Isolation | Self::IsolationOfTrial => "Begin the transaction with isolation level read committed.",
            Self::Anonymous => "Sign in; a guest may only ask for a one-time checkout without a subject.",
            Self::Unregistered(_) => "An admin says who may bill for it with payments.protect_subject_type().",
            Self::NotOwned { .. } | Self::SubscriptionNotOwned(_) => "Ask as someone who may bill for it.",
            Self::TooManyOpen { kind: "subscription change", .. } => "Wait until the first of them is a day old.",
            Self::TooManyOpen { kind: "customer portal", .. } => "Use the one that was opened last, or wait.",
            Self::IdTaken(_) => "Leave the id out: each request gets one of its own.",
            Self::TooManyOpen { .. } => {
                "Go on with one of them (the same idempotency key gives it again), or wait until some have ended."
            }
            _ => self.hint_of_change(),
        }
    }

    /// The same, of a request to change a subscription.
    fn hint_of_change(&self) -> &'static str {
        match self {
            Self::StripeId(_) => "Pass the id as Stripe writes it.",
            Self::Action(_) => "Pass 'cancel', 'resume' or 'change'.",
            Self::ChangeOnly => "Leave them out, or pass 'change'.",
            Self::NothingToChange => "Pass the price to change to, or how many of the present one.",
            Self::Quantity(_) => "Pass how many units or seats; to end the subscription, pass the action 'cancel'.",
            Self::MeteredQuantity => "Leave the quantity out.",
            Self::PriceUnknown(_) => "Sync the catalog with payments.sync_stripe_objects().",
            Self::PriceCurrency { .. } => {
                "Sell a price of the same currency; Stripe changes no subscription's currency."
            }
            Self::ItemUnclear(_) => {
                "Pass the price of one item, or open the portal with payments.create_customer_portal_session()."
            }
            Self::SubscriptionEnded(_) => "Subscribe anew with payments.create_checkout_session().",
            Self::SubscriptionIncomplete => "Pay its first invoice, or subscribe anew.",
            Self::CollectionPaused => "Have its collection resumed at Stripe, and ask again when its event has come.",
            Self::InvoicesAreSent => {
                "Change it at Stripe, or open the portal with payments.create_customer_portal_session()."
            }
            Self::SubscriptionUnknown(_) => "Sync it with payments.sync_stripe_objects(), or wait for its first event.",
            _ => "",
        }
    }
}

fn shown(given: Option<&str>) -> String {
    given.map_or_else(|| "It is null.".to_owned(), |given| format!("It is {:?}.", short(given)))
}

/// The beginning of a value, as much as a message shows.
fn short(value: &str) -> String {
    value.chars().take(100).collect()
}

#[cfg(test)]
mod tests;
