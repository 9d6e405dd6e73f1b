//! Checkout sessions. Source: <https://docs.stripe.com/api/checkout/sessions/object>.

use serde::{Deserialize, Serialize};

use super::money_state::MoneyState;
use super::{Metadata, Origin, Unreadable, read, reference};

/// A checkout session, as far as a payment needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// `cs_…`.
    pub id: String,
    /// `payment`, `subscription` or `setup`.
    pub mode: String,
    /// `open`, `complete` or `expired`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<String>,
    /// `paid`, `unpaid` or `no_payment_required`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payment_status: Option<String>,
    /// What the snapshot means for the money.
    pub state: MoneyState,
    /// In minor units of `currency`, after discounts and tax.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub amount_total: Option<i64>,
    /// In minor units of `currency`, before discounts and tax.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub amount_subtotal: Option<i64>,
    /// The app's own currency, a lower-case ISO code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub currency: Option<String>,
    /// Adaptive Pricing in API versions up to 2025-02-24: what the payer saw, in minor units, and its currency, which
    /// is that of the charge.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub presented: Option<(i64, String)>,
    /// The same in API versions from 2025-03-31 on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub presentment: Option<(i64, String)>,
    /// `cus_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub customer: Option<String>,
    /// The e-mail address that the payer gave, otherwise the one that the session was made with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub email: Option<String>,
    /// `pi_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payment_intent: Option<String>,
    /// `in_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub invoice: Option<String>,
    /// `sub_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subscription: Option<String>,
    /// What `stripe_request` wrote into its metadata.
    #[serde(skip_serializing_if = "Origin::is_empty", default)]
    pub origin: Origin,
    /// As Stripe sent it. It links nothing, because pricing tables and payment links take it from the payer's browser.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_reference_id: Option<String>,
    /// The expired session (`cs_…`) that Stripe recovered this one from, when the payer returned by its recovery URL.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recovered_from: Option<String>,
    /// When Stripe made it, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub created: Option<i64>,
}

#[derive(Deserialize)]
struct RawSession {
    id: String,
    mode: Option<String>,
    status: Option<String>,
    payment_status: Option<String>,
    amount_total: Option<i64>,
    amount_subtotal: Option<i64>,
    currency: Option<String>,
    currency_conversion: Option<Conversion>,
    #[serde(default, deserialize_with = "reference")]
    customer: Option<String>,
    customer_email: Option<String>,
    customer_details: Option<Details>,
    #[serde(default, deserialize_with = "reference")]
    payment_intent: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    invoice: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    subscription: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    setup_intent: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    recovered_from: Option<String>,
    presentment_details: Option<Presentment>,
    #[serde(default)]
    metadata: Metadata,
    client_reference_id: Option<String>,
    created: Option<i64>,
}

/// Adaptive Pricing in API versions up to 2025-02-24: the session is in the payer's currency, and the app's own is
/// here.
#[derive(Deserialize)]
struct Conversion {
    amount_total: Option<i64>,
    amount_subtotal: Option<i64>,
    source_currency: Option<String>,
}

#[derive(Deserialize)]
struct Presentment {
    presentment_amount: Option<i64>,
    presentment_currency: Option<String>,
}

#[derive(Deserialize)]
struct Details {
    email: Option<String>,
}

impl Session {
    /// Reads the object of a `checkout.session.*` event, or of a backfill (no event type).
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(text: &str, event_type: Option<&str>, prefix: &str) -> Result<Self, Unreadable> {
        let raw: RawSession = read("checkout session", text)?;
        let converted = raw.currency_conversion.filter(|c| c.source_currency.is_some());
        let presented = converted.as_ref().and_then(|_| raw.amount_total.zip(raw.currency.clone()));
        let (amount_total, amount_subtotal, currency) = match converted {
            Some(c) => (c.amount_total, c.amount_subtotal, c.source_currency),
            None => (raw.amount_total, raw.amount_subtotal, raw.currency),
        };
        // In an old shape without a status, the event type says it.
        let status = raw.status.or_else(|| status_by_event(event_type?));
        let state = match (event_type, status.as_deref(), raw.payment_status.as_deref()) {
            (_, _, Some("paid")) | (_, Some("complete"), Some("no_payment_required")) => MoneyState::Succeeded,
            (Some("checkout.session.async_payment_failed"), _, _) => MoneyState::Failed,
            (_, Some("complete"), _) => MoneyState::Pending,
            _ => MoneyState::None,
        };
        // Sessions of 2019 have no mode.
        let mode = raw.mode.unwrap_or_else(|| {
            let mode = match (&raw.subscription, &raw.setup_intent) {
                (Some(_), _) => "subscription",
                (None, Some(_)) => "setup",
                (None, None) => "payment",
            };
            mode.to_owned()
        });
        let email = raw.customer_details.and_then(|details| details.email).or(raw.customer_email);
        Ok(Self {
            id: raw.id,
            mode,
            state,
            status,
            payment_status: raw.payment_status,
            amount_total,
            amount_subtotal,
            currency,
            presented,
            presentment: raw.presentment_details.and_then(|p| p.presentment_amount.zip(p.presentment_currency)),
            customer: raw.customer,
            email,
            payment_intent: raw.payment_intent,
            invoice: raw.invoice,
            subscription: raw.subscription,
            origin: Origin::read(&raw.metadata, prefix),
            client_reference_id: raw.client_reference_id,
            recovered_from: raw.recovered_from,
            created: raw.created,
        })
    }

    /// Whether the payer completed it, paid or not yet.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.status.as_deref() == Some("complete")
    }

    /// Whether it is completed or expired: it never opens again.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_complete() || self.is_expired()
    }

    /// Whether it expired without being completed.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.status.as_deref() == Some("expired")
    }

    /// The id of the local row that its metadata names.
    #[must_use]
    pub fn local_id(&self) -> Option<&str> {
        self.origin.checkout_session_id.as_deref()
    }

    /// The total in this currency, in minor units; `None` if the session has none in it.
    #[must_use]
    pub fn total_in(&self, currency: &str) -> Option<i64> {
        let own = self.amount_total.zip(self.currency.clone());
        [own.as_ref(), self.presented.as_ref(), self.presentment.as_ref()]
            .into_iter()
            .flatten()
            .find_map(|(total, of)| (of == currency).then_some(*total))
    }
}

fn status_by_event(event_type: &str) -> Option<String> {
    let status = match event_type.strip_prefix("checkout.session.")? {
        "completed" | "async_payment_succeeded" | "async_payment_failed" => "complete",
        "expired" => "expired",
        _ => return None,
    };
    Some(status.to_owned())
}
