//! The one table of what Stripe sends: which event types change rows here, which object each of them carries, and where
//! each stands in that object's life.
//!
//! Source: <https://docs.stripe.com/api/events/types>.

use ObjectKind::{
    Charge, CheckoutSession, Coupon, CreditNote, Customer, Discount, Dispute, Entitlements, FraudWarning, Invoice,
    InvoiceLines, InvoicePayment, LineItems, PaymentIntent, PaymentMethod, Price, Product, Refund, Subscription,
    UpcomingInvoice,
};

/// A kind of Stripe object that rows are made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named as Stripe names it")]
pub enum ObjectKind {
    Customer,
    CheckoutSession,
    PaymentIntent,
    Charge,
    Refund,
    Dispute,
    Invoice,
    InvoicePayment,
    Subscription,
    Product,
    Price,
    PaymentMethod,
    Entitlements,
    LineItems,
    UpcomingInvoice,
    Discount,
    Coupon,
    InvoiceLines,
    CreditNote,
    FraudWarning,
}

impl ObjectKind {
    /// Every kind.
    pub const ALL: [Self; 20] = [
        Customer,
        CheckoutSession,
        PaymentIntent,
        Charge,
        Refund,
        Dispute,
        Invoice,
        InvoicePayment,
        Subscription,
        Product,
        Price,
        PaymentMethod,
        Entitlements,
        LineItems,
        UpcomingInvoice,
        Discount,
        Coupon,
        InvoiceLines,
        CreditNote,
        FraudWarning,
    ];

    /// The kind whose objects have this `object` attribute.
    #[must_use]
    pub fn named(object_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == object_type)
    }

    /// The same for an object of a backfill. Five kinds do not occur there by themselves: Stripe's API returns
    /// entitlement summaries and discounts only in events, line items and an invoice's lines only as lists, and an
    /// upcoming invoice has no id.
    #[must_use]
    pub fn in_back_fill(object_type: &str) -> Option<Self> {
        let is_alone =
            |kind: &Self| !matches!(kind, Entitlements | LineItems | InvoiceLines | UpcomingInvoice | Discount);
        Self::named(object_type).filter(is_alone)
    }

    /// The `object` attribute of its objects.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Customer => "customer",
            CheckoutSession => "checkout.session",
            PaymentIntent => "payment_intent",
            Charge => "charge",
            Refund => "refund",
            Dispute => "dispute",
            Invoice => "invoice",
            InvoicePayment => "invoice_payment",
            Subscription => "subscription",
            Product => "product",
            Price => "price",
            PaymentMethod => "payment_method",
            Entitlements => "entitlements.active_entitlement_summary",
            LineItems => "checkout.session.line_items",
            UpcomingInvoice => "upcoming_invoice",
            Discount => "discount",
            Coupon => "coupon",
            InvoiceLines => "invoice.lines",
            CreditNote => "credit_note",
            FraudWarning => "radar.early_fraud_warning",
        }
    }
}

/// An event type that changes rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventType {
    /// Its name, such as `invoice.paid`.
    pub name: &'static str,
    /// The kind of object that its events carry.
    pub object: ObjectKind,
    /// Where it stands in the object's life: of two snapshots of one second, the one with the greater rank is newer.
    pub rank: i16,
}

/// The object was made.
pub const CREATED: i16 = 0;
/// The object's life went on, and it can still fail or change.
const STARTED: i16 = 5;
/// The object changed. A backfill's snapshot has this rank too: after the beginning and before the end of the same
/// second.
pub const CHANGED: i16 = 10;
/// An attempt to pay failed.
const ATTEMPT_FAILED: i16 = 11;
/// The money arrived.
const PAID: i16 = 20;
/// The object's life ended.
const ENDED: i16 = 30;
/// A closed dispute returned the money.
const REINSTATED: i16 = 31;

/// Every event type that changes rows.
pub const EVENT_TYPES: [EventType; 72] = [
    of("customer.created", Customer, CREATED),
    of("customer.updated", Customer, CHANGED),
    of("customer.deleted", Customer, ENDED),
    of("checkout.session.completed", CheckoutSession, STARTED),
    of("checkout.session.async_payment_failed", CheckoutSession, ATTEMPT_FAILED),
    of("checkout.session.async_payment_succeeded", CheckoutSession, PAID),
    of("checkout.session.expired", CheckoutSession, ENDED),
    of("payment_intent.processing", PaymentIntent, STARTED),
    of("payment_intent.amount_capturable_updated", PaymentIntent, STARTED),
    of("payment_intent.payment_failed", PaymentIntent, ATTEMPT_FAILED),
    of("payment_intent.succeeded", PaymentIntent, PAID),
    of("payment_intent.canceled", PaymentIntent, ENDED),
    of("charge.pending", Charge, CREATED),
    of("charge.succeeded", Charge, STARTED),
    of("charge.captured", Charge, CHANGED),
    of("charge.updated", Charge, CHANGED),
    of("charge.expired", Charge, CHANGED),
    of("charge.failed", Charge, CHANGED),
    of("charge.refunded", Charge, CHANGED),
    of("refund.created", Refund, CREATED),
    of("refund.updated", Refund, CHANGED),
    of("charge.refund.updated", Refund, CHANGED),
    of("refund.failed", Refund, ENDED),
    of("charge.dispute.created", Dispute, CREATED),
    of("charge.dispute.updated", Dispute, CHANGED),
    of("charge.dispute.funds_withdrawn", Dispute, CHANGED),
    of("charge.dispute.closed", Dispute, ENDED),
    of("charge.dispute.funds_reinstated", Dispute, REINSTATED),
    of("invoice.created", Invoice, CREATED),
    of("invoice.finalized", Invoice, STARTED),
    of("invoice.updated", Invoice, CHANGED),
    of("invoice.finalization_failed", Invoice, CHANGED),
    of("invoice.payment_action_required", Invoice, ATTEMPT_FAILED),
    of("invoice.overdue", Invoice, CHANGED),
    of("invoice.payment_failed", Invoice, ATTEMPT_FAILED),
    of("invoice.paid", Invoice, PAID),
    of("invoice.payment_succeeded", Invoice, PAID),
    of("invoice.overpaid", Invoice, PAID),
    of("invoice.deleted", Invoice, ENDED),
    of("invoice.upcoming", UpcomingInvoice, STARTED),
    of("invoice.voided", Invoice, ENDED),
    of("invoice.marked_uncollectible", Invoice, ENDED),
    of("invoice_payment.paid", InvoicePayment, PAID),
    of("credit_note.created", CreditNote, CREATED),
    of("credit_note.updated", CreditNote, CHANGED),
    of("credit_note.voided", CreditNote, ENDED),
    of("radar.early_fraud_warning.created", FraudWarning, CREATED),
    of("customer.discount.created", Discount, CREATED),
    of("customer.discount.updated", Discount, CHANGED),
    of("customer.discount.deleted", Discount, ENDED),
    of("coupon.created", Coupon, CREATED),
    of("coupon.updated", Coupon, CHANGED),
    of("coupon.deleted", Coupon, ENDED),
    of("customer.subscription.created", Subscription, CREATED),
    of("customer.subscription.updated", Subscription, CHANGED),
    of("customer.subscription.paused", Subscription, CHANGED),
    of("customer.subscription.resumed", Subscription, CHANGED),
    of("customer.subscription.pending_update_applied", Subscription, CHANGED),
    of("customer.subscription.pending_update_expired", Subscription, CHANGED),
    of("customer.subscription.trial_will_end", Subscription, CHANGED),
    of("customer.subscription.deleted", Subscription, ENDED),
    of("product.created", Product, CREATED),
    of("product.updated", Product, CHANGED),
    of("product.deleted", Product, ENDED),
    of("price.created", Price, CREATED),
    of("price.updated", Price, CHANGED),
    of("price.deleted", Price, ENDED),
    of("payment_method.attached", PaymentMethod, CREATED),
    of("payment_method.updated", PaymentMethod, CHANGED),
    of("payment_method.automatically_updated", PaymentMethod, CHANGED),
    of("payment_method.detached", PaymentMethod, ENDED),
    of("entitlements.active_entitlement_summary.updated", Entitlements, CHANGED),
];

const fn of(name: &'static str, object: ObjectKind, rank: i16) -> EventType {
    EventType { name, object, rank }
}

impl EventType {
    /// The event type of this name; `None` if its events change no row.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        EVENT_TYPES.iter().find(|event_type| event_type.name == name)
    }
}

/// The rank of a snapshot that an event of this type carries; [`CHANGED`] for one that a backfill carries (no event
/// type).
#[must_use]
pub fn rank(event_type: Option<&str>) -> i16 {
    event_type.and_then(EventType::named).map_or(CHANGED, |event_type| event_type.rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name() {
        for kind in ObjectKind::ALL {
            assert_eq!(ObjectKind::named(kind.name()), Some(kind));
        }
        assert_eq!(ObjectKind::named("payout"), None);
    }

    #[test]
    fn a_back_fill_holds_every_kind_that_the_api_returns_by_itself() {
        for kind in ObjectKind::ALL {
            let is_named = !matches!(kind, Entitlements | LineItems | InvoiceLines | UpcomingInvoice | Discount);
            assert_eq!(ObjectKind::in_back_fill(kind.name()).is_some(), is_named, "{kind:?}");
        }
    }

    #[test]
    fn every_event_type_stands_once_and_is_found() {
        for event_type in &EVENT_TYPES {
            assert_eq!(EVENT_TYPES.iter().filter(|other| other.name == event_type.name).count(), 1);
            assert_eq!(EventType::named(event_type.name), Some(event_type));
            assert_eq!(rank(Some(event_type.name)), event_type.rank);
        }
        for kind in ObjectKind::ALL.into_iter().filter(|kind| !matches!(kind, LineItems | InvoiceLines)) {
            assert!(EVENT_TYPES.iter().any(|event_type| event_type.object == kind), "{kind:?} has no event");
        }
        assert_eq!(EventType::named("payout.paid"), None);
    }

    #[test]
    fn an_event_type_begins_with_its_object() {
        // These event types do not begin with the names of their objects.
        let renamed =
            ["charge.refund.", "charge.dispute.", "customer.subscription.", "customer.discount.", "invoice.upcoming"];
        for event_type in EVENT_TYPES.iter().filter(|one| !renamed.iter().any(|family| one.name.starts_with(family))) {
            assert!(event_type.name.starts_with(event_type.object.name()), "{}", event_type.name);
        }
        for (name, object) in [
            ("charge.refund.updated", Refund),
            ("charge.dispute.closed", Dispute),
            ("customer.subscription.paused", Subscription),
            ("customer.discount.created", Discount),
            ("invoice.upcoming", UpcomingInvoice),
        ] {
            assert_eq!(EventType::named(name).map(|found| found.object), Some(object));
        }
    }

    #[test]
    fn the_documentation_lists_every_event_type() {
        let page = include_str!("../../../docs/webhooks.md");
        let list = page.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
        let mut names: Vec<&str> = EVENT_TYPES.iter().map(|event_type| event_type.name).collect();
        names.sort_unstable();
        assert_eq!(list.lines().collect::<Vec<_>>(), names);
    }

    #[test]
    fn what_carries_no_event_type_is_ranked_among_the_changes() {
        assert_eq!(rank(None), CHANGED);
    }
}
