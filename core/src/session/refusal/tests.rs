use super::*;

/// One of each.
fn all() -> Vec<Refusal> {
    let text = || "given".to_owned();
    vec![
        Refusal::Secret("subject_id"),
        Refusal::Environment(Some(text())),
        Refusal::Mode(None),
        Refusal::Missing("success_url"),
        Refusal::IncompleteSubject("subject_id"),
        Refusal::SubscriptionWithoutSubject,
        Refusal::Name("subject_id"),
        Refusal::LineItemsShape,
        Refusal::LineItemsCount(101),
        Refusal::LineItem { place: 2, why: "It names no price." },
        Refusal::PriceInactive(text()),
        Refusal::PriceElsewhere(text()),
        Refusal::LookupKeyUnknown(text()),
        Refusal::LookupKeyAmbiguous(text()),
        Refusal::SecondSubscription { subject_type: text(), subject_id: text(), subscription: text(), status: text() },
        Refusal::PriceMode { price: text(), recurring: true },
        Refusal::PriceMode { price: text(), recurring: false },
        Refusal::FreeQuantity { price: text(), quantity: 2, most: 1, in_trial: false },
        Refusal::FreeQuantity { price: text(), quantity: 2, most: 1, in_trial: true },
        Refusal::Url { column: "success_url", given: text() },
        Refusal::Email(text()),
        Refusal::Json("metadata"),
        Refusal::MetadataShape,
        Refusal::MetadataKeys(51),
        Refusal::MetadataKey(text()),
        Refusal::MetadataValue(text()),
        Refusal::MetadataTooLong(text()),
        Refusal::Reserved { key: text(), prefix: "app_".to_owned() },
        Refusal::Key(201),
        Refusal::NotYours("status"),
        Refusal::Isolation,
        Refusal::IsolationOfTrial,
        Refusal::Anonymous,
        Refusal::Unregistered(text()),
        Refusal::NotOwned { subject_type: text(), subject_id: text() },
        Refusal::StripeId("stripe_subscription_id"),
        Refusal::Action(Some(text())),
        Refusal::ChangeOnly,
        Refusal::NothingToChange,
        Refusal::Quantity(0),
        Refusal::MeteredQuantity,
        Refusal::PriceUnknown(text()),
        Refusal::PriceCurrency { price: text(), currency: "eur".to_owned(), subscribed: "usd".to_owned() },
        Refusal::ItemUnclear(2),
        Refusal::SubscriptionEnded("canceled".to_owned()),
        Refusal::SubscriptionIncomplete,
        Refusal::InvoicesAreSent,
        Refusal::CollectionPaused,
        Refusal::SubscriptionUnknown(text()),
        Refusal::SubscriptionNotOwned(text()),
        Refusal::TooManyOpen { kind: "checkout", limit: 5 },
        Refusal::TooManyOpen { kind: "customer portal", limit: 5 },
        Refusal::TooManyOpen { kind: "subscription change", limit: 5 },
        Refusal::IdTaken(text()),
    ]
}

#[test]
fn every_refusal_has_a_message_a_detail_and_a_hint() {
    for refusal in all() {
        let (message, detail, hint) = (refusal.message(), refusal.detail(), refusal.hint());
        assert!(message.len() > 10 && message.starts_with(char::is_lowercase), "{message}");
        assert!(!message.ends_with('.'), "{message}");
        assert!(detail.len() > 5 && detail.ends_with('.'), "{detail}");
        assert!(hint.len() > 10 && hint.ends_with('.'), "{hint}");
    }
}

#[test]
fn the_sqlstate_tells_what_kind_of_refusal_it_is() {
    for refusal in all() {
        let expected = match &refusal {
            Refusal::SecondSubscription { .. } | Refusal::IdTaken(_) => "23505",
            Refusal::Isolation | Refusal::IsolationOfTrial => "25001",
            Refusal::TooManyOpen { .. } => "54000",
            Refusal::NotYours(_)
            | Refusal::Anonymous
            | Refusal::Unregistered(_)
            | Refusal::NotOwned { .. }
            | Refusal::SubscriptionNotOwned(_) => "42501",
            Refusal::SubscriptionEnded(_)
            | Refusal::SubscriptionIncomplete
            | Refusal::InvoicesAreSent
            | Refusal::CollectionPaused => "55000",
            _ => "22023",
        };
        assert_eq!(refusal.sqlstate(), expected, "{refusal:?}");
    }
}

#[test]
fn a_price_of_the_other_mode_is_told_which_mode_it_needs() {
    let told = |recurring| {
        let refusal = Refusal::PriceMode { price: "price_1".to_owned(), recurring };
        (refusal.message(), refusal.detail())
    };
    assert_eq!(
        told(true),
        ("a recurring price needs mode subscription".to_owned(), "Price price_1 recurs.".to_owned())
    );
    assert_eq!(
        told(false),
        ("a subscription needs a recurring price".to_owned(), "Price price_1 does not recur.".to_owned())
    );
}

#[test]
fn what_is_open_is_used_again_and_a_change_is_waited_for() {
    let hint = |kind| Refusal::TooManyOpen { kind, limit: 5 }.hint();
    assert_eq!(hint("customer portal"), "Use the one that was opened last, or wait.");
    assert_eq!(hint("subscription change"), "Wait until the first of them is a day old.");
    assert!(hint("checkout").contains("idempotency key"));
}

#[test]
fn a_long_value_is_cut_and_null_is_named() {
    let long = Refusal::Environment(Some("e".repeat(300))).detail();
    assert_eq!(long, format!("It is {:?}.", "e".repeat(100)));
    assert_eq!(Refusal::Environment(None).detail(), "It is null.");
}
