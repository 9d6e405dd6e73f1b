//! Orders and what was really bought.

use super::*;

#[test]
fn an_order_is_compared_again_with_what_was_really_bought() {
    let for_two = Order { line_items: Some(Some(json!([{"price": "price_a", "quantity": 2}]))), ..order("paid") };
    let before = Some(PriorDecision {
        told: None,
        state: FulfillmentState::Applied,
        due: Some(2000),
        currency: Some("eur".into()),
        granted: Some(2000),
        prior_status: None,
    });
    let asked = PaymentCandidate { before: before.clone(), ..candidate("a", "succeeded") };
    assert_eq!(one(&for_two, asked.clone()).1, FulfillmentState::Applied);
    let told = PaymentCandidate {
        line_items: json!([{"price": "price_a", "quantity": 1}]),
        told: Some("1 × price_a".into()),
        ..asked.clone()
    };
    let (write, state, reason) = one(&for_two, told.clone());
    assert_eq!((write.as_deref(), state), (Some("pending"), FulfillmentState::NeedsReview));
    assert_eq!(reason, "the order is for 2 × price_a, the checkout session for 1 × price_a");
    let (_, settled) = settle(&for_two, &[told]);
    assert_eq!(settled[0].record("key", &asked.money).benefit_source.as_deref(), Some("1 × price_a"));
    let mut unknown = asked;
    unknown.money.unknown_goods = Some("who knows".into());
    assert_eq!(one(&for_two, unknown), (Some("pending".into()), FulfillmentState::NeedsReview, "who knows".into()));
}
