use super::*;

fn asked() -> Checkout {
    Checkout {
        id: "d936ca56-6cc9-4608-a940-4bbe0d2abd26".to_owned(),
        environment: Some("test".to_owned()),
        mode: Some("payment".to_owned()),
        subject_type: Some("team".to_owned()),
        subject_id: Some("t1".to_owned()),
        customer_email: Some("buyer@example.com".to_owned()),
        line_items: Some(r#"[{"stripePriceId": "price_1", "quantity": 1}]"#.to_owned()),
        success_url: Some("https://app.example.com/success?session_id={CHECKOUT_SESSION_ID}".to_owned()),
        cancel_url: Some("http://localhost:3000/cancel".to_owned()),
        idempotency_key: Some("cart-1".to_owned()),
        metadata: Some("{}".to_owned()),
    }
}

fn refused(change: impl FnOnce(&mut Checkout)) -> Refusal {
    let mut checkout = asked();
    change(&mut checkout);
    checkout.check("insforge_").expect_err("it must be refused")
}

#[test]
fn an_ordinary_request_passes() {
    assert_eq!(
        asked().check("insforge_"),
        Ok(vec![AskedItem { price: PriceName::Id("price_1".to_owned()), quantity: 1 }])
    );
}

#[test]
fn reserved_keys_pass_only_with_what_the_row_implies() {
    let mut checkout = asked();
    checkout.metadata = Some(
        r#"{"insforge_checkout_mode":"payment","insforge_subject_type":"team","insforge_subject_id":"t1",
            "insforge_checkout_session_id":"d936ca56-6cc9-4608-a940-4bbe0d2abd26","order_id":"7"}"#
            .to_owned(),
    );
    assert!(checkout.check("insforge_").is_ok());
    for forged in [r#"{"insforge_subject_id":"t2"}"#, r#"{"insforge_anything":"x"}"#, r#"{"Insforge_Subject_Id":"t1"}"#]
    {
        assert!(matches!(refused(|c| c.metadata = Some(forged.to_owned())), Refusal::Reserved { .. }));
    }
}

#[test]
fn line_items_are_strict() {
    for items in [
        "null",
        "{}",
        "[]",
        "[1]",
        r#"[{"quantity":1}]"#,
        r#"[{"price":"p","quantity":null}]"#,
        r#"[{"price":"p","quantity":0}]"#,
        r#"[{"price":"p","quantity":1.5}]"#,
        r#"[{"price":"p","quantity":1e3}]"#,
        r#"[{"price":"p","quantity":"1"}]"#,
        r#"[{"price":"p","quantity":1000000}]"#,
        r#"[{"price":"p","stripePriceId":"p","quantity":1}]"#,
        r#"[{"price":"","quantity":1}]"#,
        r#"[{"price":"p","quantity":1,"price_data":{}}]"#,
    ] {
        assert_eq!(refused(|c| c.line_items = Some(items.to_owned())).sqlstate(), "22023", "{items}");
    }
    let many = format!("[{}]", vec![r#"{"price":"p","quantity":1}"#; 101].join(","));
    assert_eq!(refused(|c| c.line_items = Some(many)), Refusal::LineItemsCount(101));
}

#[test]
fn urls_are_absolute_and_of_the_web() {
    for url in [
        "",
        "/paid",
        "app.example.com",
        "ftp://a/b",
        "javascript:alert(1)",
        "https://",
        "https:///x",
        "https://a b",
        "https://good@evil.com/",
    ] {
        assert!(
            matches!(refused(|c| c.success_url = Some(url.to_owned())), Refusal::Url { column: "success_url", .. }),
            "{url}"
        );
    }
}

#[test]
fn what_looks_like_a_secret_is_refused_everywhere() {
    let secret = "sk_live_abc123";
    assert_eq!(
        refused(|c| c.customer_email = Some(format!("{secret}@example.com"))),
        Refusal::Secret("customer_email")
    );
    assert_eq!(refused(|c| c.success_url = Some(format!("https://a/?k={secret}"))), Refusal::Secret("success_url"));
    assert_eq!(refused(|c| c.metadata = Some(format!(r#"{{"k":"{secret}"}}"#))), Refusal::Secret("metadata"));
    assert_eq!(refused(|c| c.idempotency_key = Some("whsec_x".to_owned())), Refusal::Secret("idempotency_key"));
    assert_eq!(refused(|c| c.subject_id = Some("rk_test_x".to_owned())), Refusal::Secret("subject_id"));
    assert_eq!(refused(|c| c.environment = Some(secret.to_owned())), Refusal::Secret("environment"));
    assert_eq!(refused(|c| c.mode = Some(secret.to_owned())), Refusal::Secret("mode"));
    assert_eq!(refused(|c| c.metadata = Some(r#"{"a":"\nsk_live_abc"}"#.to_owned())), Refusal::Secret("metadata"));
    assert_eq!(refused(|c| c.line_items = Some(format!(r#"[{{"{secret}":1}}]"#))), Refusal::Secret("line_items"));
    let portal = Portal { environment: Some(secret.to_owned()), ..Portal::default() };
    assert_eq!(portal.check(), Err(Refusal::Secret("environment")));
    assert!(!Refusal::Environment(Some(secret.to_owned())).detail().contains(secret));
}

#[test]
fn metadata_has_stripes_limits() {
    let keys =
        |count: usize| format!("{{{}}}", (0..count).map(|n| format!(r#""k{n}":"v""#)).collect::<Vec<_>>().join(","));
    let mut checkout = asked();
    // Those that link back to the session do not count.
    checkout.metadata = Some(keys(50));
    assert!(checkout.check("insforge_").is_ok());
    assert_eq!(refused(|c| c.metadata = Some(keys(51))), Refusal::MetadataKeys(51));
    checkout.metadata = Some(keys(51).replace("k0\":\"v", "app_checkout_mode\":\"payment"));
    assert!(checkout.check("app_").is_ok());
    assert!(checkout.check("").is_err());
    assert!(matches!(refused(|c| c.metadata = Some(r#"{"n":1}"#.to_owned())), Refusal::MetadataValue(_)));
    assert!(matches!(
        refused(|c| c.metadata = Some(format!(r#"{{"{}":"v"}}"#, "k".repeat(41)))),
        Refusal::MetadataKey(_)
    ));
    assert!(matches!(
        refused(|c| c.metadata = Some(format!(r#"{{"k":"{}"}}"#, "v".repeat(501)))),
        Refusal::MetadataTooLong(_)
    ));
    assert_eq!(refused(|c| c.metadata = Some("[]".to_owned())), Refusal::MetadataShape);
}

#[test]
fn mode_subject_email_and_key() {
    assert!(matches!(refused(|c| c.mode = Some("setup".to_owned())), Refusal::Mode(_)));
    assert_eq!(refused(|c| c.subject_id = None), Refusal::IncompleteSubject("subject_id"));
    assert_eq!(
        refused(|c| (c.mode, c.subject_type, c.subject_id) = (Some("subscription".to_owned()), None, None)),
        Refusal::SubscriptionWithoutSubject
    );
    for address in ["", "a", "a@b", "a@b.", "a b@c.de", "a@b@c.de", "A <a@b.de>"] {
        assert!(matches!(refused(|c| c.customer_email = Some(address.to_owned())), Refusal::Email(_)), "{address}");
    }
    assert_eq!(refused(|c| c.idempotency_key = Some("k".repeat(201))), Refusal::Key(201));
    assert!(matches!(refused(|c| c.idempotency_key = Some("a\u{1f}b".to_owned())), Refusal::Key(_)));
}

#[test]
fn limits_are_the_last_that_passes() {
    let passes = |change: &dyn Fn(&mut Checkout)| {
        let mut checkout = asked();
        change(&mut checkout);
        checkout.check("insforge_").is_ok()
    };
    let items = |count: usize| format!("[{}]", vec![r#"{"price":"p","quantity":1}"#; count].join(","));
    let quantity = |n: u64| format!(r#"[{{"price":"p","quantity":{n}}}]"#);
    let email = |length: usize| format!("{}@example.com", "b".repeat(length - "@example.com".len()));
    assert!(passes(&|c| c.line_items = Some(items(100))));
    assert!(passes(&|c| c.line_items = Some(quantity(999_999))));
    assert!(passes(&|c| c.idempotency_key = Some("k".repeat(200))));
    assert!(passes(&|c| c.subject_id = Some("i".repeat(255))));
    assert!(!passes(&|c| c.subject_id = Some("i".repeat(256))));
    assert!(passes(&|c| c.customer_email = Some(email(512))));
    assert!(!passes(&|c| c.customer_email = Some(email(513))));
    assert!(passes(&|c| c.metadata = Some(format!(r#"{{"{}":"{}"}}"#, "k".repeat(40), "v".repeat(500)))));
    // Characters count, not bytes.
    assert!(passes(&|c| c.idempotency_key = Some("ü".repeat(200))));
}

#[test]
fn metadata_keys_are_those_that_stripe_takes() {
    for key in ["", "a[b", "a]b"] {
        let metadata = format!(r#"{{"{key}":"v"}}"#);
        assert_eq!(refused(|c| c.metadata = Some(metadata)), Refusal::MetadataKey(key.to_owned()));
    }
    assert_eq!(refused(|c| c.metadata = Some("{".to_owned())), Refusal::Json("metadata"));
    assert_eq!(refused(|c| c.metadata = None), Refusal::MetadataShape);
}

#[test]
fn a_key_without_a_prefix_is_not_reserved() {
    let mut checkout = asked();
    checkout.metadata = Some(r#"{"subject_id":"somebody else","app_anything":"x"}"#.to_owned());
    assert!(checkout.check("").is_ok() && checkout.check("app_").is_err());
    checkout.metadata = Some(r#"{"payments_anything":"x"}"#.to_owned());
    assert!(checkout.check("").is_err() && checkout.check("app_").is_err());
    // A key that only begins as the prefix does is not reserved.
    checkout.metadata = Some(r#"{"insforge":"x","insforg_e":"x"}"#.to_owned());
    assert!(checkout.check("insforge_").is_ok());
}

#[test]
fn a_required_column_must_have_a_value() {
    assert_eq!(refused(|c| c.success_url = None), Refusal::Missing("success_url"));
    assert_eq!(refused(|c| c.cancel_url = None), Refusal::Missing("cancel_url"));
    assert_eq!(refused(|c| c.mode = None), Refusal::Mode(None));
    assert_eq!(refused(|c| c.environment = None), Refusal::Environment(None));
    assert_eq!(refused(|c| c.environment = Some("Live".to_owned())), Refusal::Environment(Some("Live".to_owned())));
    assert_eq!(refused(|c| c.line_items = None), Refusal::LineItemsShape);
    assert!(matches!(refused(|c| c.cancel_url = Some("/back".to_owned())), Refusal::Url { column: "cancel_url", .. }));
}

#[test]
fn optional_columns_may_be_null() {
    let mut checkout = asked();
    (checkout.customer_email, checkout.idempotency_key) = (None, None);
    (checkout.subject_type, checkout.subject_id) = (None, None);
    assert!(checkout.check("insforge_").is_ok());
    checkout.environment = Some("live".to_owned());
    assert!(checkout.check("insforge_").is_ok());
    let mut subscribed = asked();
    subscribed.mode = Some("subscription".to_owned());
    assert!(subscribed.check("insforge_").is_ok());
}

#[test]
fn a_subject_is_named_by_two_printable_names() {
    assert_eq!(refused(|c| c.subject_type = None), Refusal::IncompleteSubject("subject_type"));
    for blank in ["", "  ", "a\nb", "a\u{9b}b", "a\u{202e}b", "a\u{2028}b"] {
        assert_eq!(refused(|c| c.subject_type = Some(blank.to_owned())), Refusal::Name("subject_type"), "{blank:?}");
        assert_eq!(refused(|c| c.subject_id = Some(blank.to_owned())), Refusal::Name("subject_id"), "{blank:?}");
    }
}

#[test]
fn idempotency_keys_and_addresses_are_printable() {
    for key in ["", " \t ", "a\u{2066}b"] {
        assert!(matches!(refused(|c| c.idempotency_key = Some(key.to_owned())), Refusal::Key(_)), "{key:?}");
    }
    for address in [
        "@example.com",
        "a@example..com",
        "a@.com",
        "a,b@example.com",
        "a;b@example.com",
        "a\u{7}@example.com",
        "a\u{202e}@example.com",
    ] {
        assert!(matches!(refused(|c| c.customer_email = Some(address.to_owned())), Refusal::Email(_)), "{address:?}");
    }
}

#[test]
fn line_items_tell_what_is_wrong_with_which() {
    let why = |items: &str| match refused(|c| c.line_items = Some(items.to_owned())) {
        Refusal::LineItem { place, why } => (place, why),
        other => panic!("{other:?}"),
    };
    let good = r#"{"price":"p","quantity":1}"#;
    assert_eq!(why(&format!("[{good},7]")), (2, "It is not an object."));
    assert!(why(r#"[{"price":"p","stripePriceId":"p","quantity":1}]"#).1.contains("twice"));
    assert!(why(r#"[{"price":"p","lookup_key":"p","quantity":1}]"#).1.contains("twice"));
    assert!(why(r#"[{"lookup_key":" ","quantity":1}]"#).1.contains("no price"));
    assert!(why(r#"[{"lookup_key":null}]"#).1.contains("no price"));
    assert!(why(r#"[{"quantity":1}]"#).1.contains("no price"));
    assert!(why(r#"[{"price":7,"quantity":1}]"#).1.contains("no price"));
    assert!(why(r#"[{"stripePriceId":" ","quantity":1}]"#).1.contains("no price"));
    assert!(why(r#"[{"price":"a price","quantity":1}]"#).1.contains("too long"));
    assert!(why(r#"[{"price":"p","quantity":-1}]"#).1.contains("quantity"));
    assert!(why(r#"[{"price":"p","quantity":1,"tax":1}]"#).1.contains("another key"));
    let mut checkout = asked();
    for one in [good, r#"{"price":"p"}"#] {
        checkout.line_items = Some(format!("[{one}]"));
        assert_eq!(checkout.check(""), Ok(vec![AskedItem { price: PriceName::Id("p".to_owned()), quantity: 1 }]));
    }
}

#[test]
fn a_lookup_key_stands_in_place_of_a_price() {
    let mut checkout = asked();
    let items = r#"[{"lookup_key":"pro","quantity":2},{"stripePriceId":"p"}]"#;
    checkout.line_items = Some(items.to_owned());
    let (pro, p) = (PriceName::LookupKey("pro".to_owned()), PriceName::Id("p".to_owned()));
    assert_eq!(
        checkout.check(""),
        Ok(vec![AskedItem { price: pro, quantity: 2 }, AskedItem { price: p, quantity: 1 }])
    );
    let found = ["price_pro".to_owned(), "p".to_owned()];
    assert_eq!(
        by_price_id(items, &found).as_deref(),
        Some(r#"[{"price":"price_pro","quantity":2},{"stripePriceId":"p"}]"#)
    );
    assert_eq!(by_price_id(r#"[{"price":"p"},{"price":"q"}]"#, &found), None);
}

fn portal() -> Portal {
    Portal {
        environment: Some("live".to_owned()),
        subject_type: Some("team".to_owned()),
        subject_id: Some("t1".to_owned()),
        return_url: Some("https://app.example.com/".to_owned()),
        configuration_id: Some("bpc_1".to_owned()),
    }
}

#[test]
fn a_portal_is_opened_for_a_subject() {
    assert_eq!(portal().check(), Ok(()));
    assert_eq!(Portal { return_url: None, configuration_id: None, ..portal() }.check(), Ok(()));
    let nobody = Portal { subject_type: None, subject_id: None, ..portal() };
    assert_eq!(nobody.check(), Err(Refusal::Missing("subject_type")));
    assert_eq!(Portal { subject_type: None, ..portal() }.check(), Err(Refusal::IncompleteSubject("subject_type")));
    assert_eq!(Portal { subject_id: None, ..portal() }.check(), Err(Refusal::IncompleteSubject("subject_id")));
    assert_eq!(Portal { environment: None, ..portal() }.check(), Err(Refusal::Environment(None)));
    let elsewhere = Portal { return_url: Some("back".to_owned()), ..portal() };
    assert!(matches!(elsewhere.check(), Err(Refusal::Url { column: "return_url", .. })));
    let unnamed = Portal { configuration_id: Some(" ".to_owned()), ..portal() };
    assert_eq!(unnamed.check(), Err(Refusal::Name("configuration_id")));
}

#[test]
fn a_row_says_whether_it_holds_a_secret() {
    assert!(!asked().holds_secret() && !portal().holds_secret());
    assert!(Checkout { cancel_url: Some("https://a/?k=sk_live_abc".to_owned()), ..asked() }.holds_secret());
    assert!(Portal { return_url: Some("https://a/?k=sk_live_abc".to_owned()), ..portal() }.holds_secret());
}

/// A session with the columns that `digest` reads, as the table stores it.
fn stored(metadata: &str) -> String {
    let asked = asked();
    let (items, success) = (asked.line_items.unwrap_or_default(), asked.success_url.unwrap_or_default());
    format!(
        r#"{{"status":"open","metadata":{metadata},"cancel_url":"http://localhost:3000/cancel","success_url":"{success}",
            "line_items":{items},"customer_email":"buyer@example.com","subject_id":"t1","subject_type":"team",
            "mode":"payment","idempotency_key":"another","url":"https://checkout.stripe.com/x"}}"#
    )
}

#[test]
fn equal_requests_have_equal_digests() {
    let plain = asked().digest("insforge_");
    assert_eq!(plain.len(), 64);
    // However the row is stored, and whatever else it says.
    assert_eq!(digest(&stored("{}"), "insforge_"), plain);
    // What the row implies doesn't count; what the caller wrote does.
    assert_eq!(digest(&stored(r#"{"insforge_subject_id":"t1"}"#), "insforge_"), plain);
    assert_ne!(digest(&stored(r#"{"app_subject_id":"t1"}"#), ""), plain);
    assert_ne!(digest(&stored(r#"{"order_id":"7"}"#), "insforge_"), plain);
    assert_ne!(digest("not json", ""), digest("nor this", ""));
}

#[test]
fn every_column_of_a_request_counts_in_its_digest() {
    let plain = asked().digest("insforge_");
    let other = |change: &dyn Fn(&mut Checkout)| {
        let mut checkout = asked();
        change(&mut checkout);
        checkout.digest("insforge_")
    };
    let changes: [&dyn Fn(&mut Checkout); 8] = [
        &|c| c.mode = Some("subscription".to_owned()),
        &|c| c.subject_type = Some("user".to_owned()),
        &|c| c.subject_id = Some("t2".to_owned()),
        &|c| c.customer_email = None,
        &|c| c.line_items = Some(r#"[{"stripePriceId": "price_1", "quantity": 2}]"#.to_owned()),
        &|c| c.success_url = Some("https://app.example.com/".to_owned()),
        &|c| c.cancel_url = None,
        &|c| c.metadata = Some(r#"{"order_id":"7"}"#.to_owned()),
    ];
    for (place, change) in changes.into_iter().enumerate() {
        assert_ne!(other(change), plain, "{}", REQUEST[place]);
    }
    assert_eq!(other(&|c| c.idempotency_key = Some("cart-2".to_owned())), plain);
}

#[test]
fn a_parked_key_is_its_callers_and_cannot_be_presented() {
    let parked = [
        park_key("cart-1", None, false),
        park_key("cart-1", Some("u_1"), false),
        park_key("cart-1", Some("u_2"), false),
        park_key("cart-1", None, true),
        park_key_forever("cart-1", "row 1"),
        park_key_forever("cart-1", "row 2"),
    ];
    for (place, key) in parked.iter().enumerate() {
        assert!(key.starts_with("cart-1\u{1f}"), "{key}");
        assert!(!parked[..place].contains(key), "{key}");
        assert!(matches!(refused(|c| c.idempotency_key = Some(key.clone())), Refusal::Key(_)));
    }
    // A guest has no name of his own, whoever is said to have made the row.
    assert_eq!(park_key("cart-1", Some("u_1"), true), parked[3]);
    assert_eq!(park_key("cart-1", Some("u_1"), false), parked[1]);
}

#[test]
fn a_price_has_only_characters_that_are_seen() {
    let of = |key: &str, name: &str| line_items(Some(&json!([{ key: name }]).to_string()));
    for name in ["p\u{1b}[2J", "p q", "p\u{a0}q", "p\u{202e}q", "pé", "p\n"] {
        for key in ["price", "stripePriceId"] {
            assert!(matches!(of(key, name), Err(Refusal::LineItem { place: 1, .. })), "{name:?}");
        }
    }
    assert!(of("price", "price_1OzÅ").is_err() && of("price", "price_1Oz~!").is_ok());
    for name in ["a\u{1b}b", "a\u{2069}b", "a\u{2029}b"] {
        assert!(of("lookup_key", name).is_err(), "{name:?}");
    }
    assert!(of("lookup_key", "Größe 3 💳").is_ok());
}
