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
    assert_eq!(asked().check("insforge_"), Ok(vec![LineItem { price: "price_1".to_owned(), quantity: 1 }]));
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
        r#"[{"price":"p"}]"#,
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
    checkout.metadata = Some(keys(51).replace("k0\":\"v", "insforge_checkout_mode\":\"payment"));
    assert!(checkout.check("insforge_").is_ok());
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
