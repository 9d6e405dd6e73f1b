//! Coherent lives of payments: the events that Stripe sends for one, and the row that they must become.

use std::collections::BTreeMap;

use payments_core::payment::fact::Fact;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::make::{charge, dispute, intent, invoice, invoice_payment, refund, say, say_after, session, sync, with};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    OneTime,
    FailedThenSucceeded,
    Delayed,
    DelayedFailed,
    /// A checkout with `invoice_creation`.
    Invoiced,
    /// A subscription's first invoice, through a checkout.
    Subscribed,
    /// A later invoice of a subscription.
    Renewed,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum End {
    Succeeded,
    StaysPending,
    Failed,
    /// It failed after it had succeeded.
    FailedLate,
    Cancelled,
}

#[derive(Debug, Clone)]
pub(crate) struct Life {
    pub(crate) kind: Kind,
    /// In the shapes of API versions up to 2025-02-24.
    pub(crate) old: bool,
    /// The payer chose their own currency.
    pub(crate) adaptive: bool,
    pub(crate) amount: i64,
    /// Seconds between one event and the next; 0 is the same second.
    pub(crate) gap: i64,
    /// Each refund: its share of the amount, in sixteenths, and its end.
    pub(crate) refunds: Vec<(i64, End)>,
    pub(crate) disputed: Option<&'static str>,
}

/// The payment's row as it must be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expected {
    pub(crate) payment_type: &'static str,
    pub(crate) status: &'static str,
    pub(crate) amount: i64,
    pub(crate) amount_refunded: i64,
    pub(crate) dispute_status: Option<&'static str>,
}

pub(crate) fn life() -> impl Strategy<Value = Life> {
    use Kind::{Delayed, DelayedFailed, FailedThenSucceeded, Invoiced, OneTime, Renewed, Subscribed};
    let kinds = [OneTime, FailedThenSucceeded, Delayed, DelayedFailed, Invoiced, Subscribed, Renewed];
    let ends = [End::Succeeded, End::Succeeded, End::StaysPending, End::Failed, End::FailedLate, End::Cancelled];
    (
        prop::sample::select(kinds.to_vec()),
        any::<bool>(),
        any::<bool>(),
        prop_oneof![1..100_000_i64, Just(999_999_999_999)],
        0..3_i64,
        prop::collection::vec((1..=16_i64, prop::sample::select(ends.to_vec())), 0..4),
        prop::option::of(prop::sample::select(vec!["won", "lost", "under_review"])),
    )
        .prop_map(|(kind, old, adaptive, amount, gap, refunds, disputed)| Life {
            kind,
            old,
            adaptive: adaptive && matches!(kind, OneTime | FailedThenSucceeded),
            amount,
            gap,
            refunds: if kind == DelayedFailed { Vec::new() } else { refunds },
            disputed: disputed.filter(|_| kind != DelayedFailed),
        })
}

/// A life under construction: the events so far, and the time of the next.
struct Telling<'a> {
    life: &'a Life,
    now: i64,
    said: Vec<Fact>,
    /// The final state of each object.
    objects: BTreeMap<String, Value>,
}

impl Telling<'_> {
    fn say(&mut self, event_type: &str, object: &Value) {
        self.say_after(event_type, object, &Value::Null);
    }

    fn say_after(&mut self, event_type: &str, object: &Value, previous: &Value) {
        self.said.push(say_after(event_type, self.now, object, previous));
        self.keep(object);
        self.now += self.life.gap;
    }

    fn keep(&mut self, object: &Value) {
        self.objects.insert(object["id"].as_str().unwrap().to_owned(), object.clone());
    }

    fn later(&mut self) {
        self.now += 1000;
    }

    /// The payer's currency, and the amount in it.
    fn charged(&self, amount: i64) -> (&'static str, i64) {
        if self.life.adaptive && self.life.old { ("eur", 2 * amount) } else { ("usd", amount) }
    }

    fn session(&self, more: Value) -> Value {
        let amount = self.life.amount;
        let object = session(json!({"amount_total": amount, "amount_subtotal": amount}));
        let (currency, charged) = self.charged(amount);
        let money = match (self.life.adaptive, self.life.old) {
            (false, _) => json!({}),
            (true, true) => json!({
                "currency": currency, "amount_total": charged, "amount_subtotal": charged,
                "currency_conversion": {
                    "amount_total": amount, "amount_subtotal": amount, "source_currency": "usd", "fx_rate": "2",
                },
            }),
            (true, false) => json!({
                "presentment_details": {"presentment_amount": 2 * amount, "presentment_currency": "eur"},
            }),
        };
        with(with(object, money), more)
    }

    fn intent(&self, more: Value) -> Value {
        let (currency, amount) = self.charged(self.life.amount);
        let object = intent(json!({"amount": amount, "amount_received": amount, "currency": currency}));
        with(with(object, self.invoiced()), more)
    }

    fn charge(&self, more: Value) -> Value {
        let (currency, amount) = self.charged(self.life.amount);
        let object = charge(json!({"amount": amount, "amount_captured": amount, "currency": currency}));
        with(with(object, self.invoiced()), more)
    }

    /// The link from an intent or a charge to its invoice, which only old shapes have.
    fn invoiced(&self) -> Value {
        let has = matches!(self.life.kind, Kind::Invoiced | Kind::Subscribed | Kind::Renewed);
        if has && self.life.old { json!({"invoice": "in_1"}) } else { json!({}) }
    }

    fn invoice(&self, more: Value) -> Value {
        let amount = self.life.amount;
        let subscription = self.life.kind != Kind::Invoiced;
        let links = match (subscription, self.life.old) {
            (true, true) => {
                json!({"parent": null, "subscription": "sub_1", "payment_intent": "pi_1", "charge": "ch_1"})
            }
            (false, true) => json!({"parent": null, "payment_intent": "pi_1", "charge": "ch_1"}),
            (true, false) => json!({}),
            (false, false) => json!({"parent": null}),
        };
        with(with(invoice(json!({"amount_paid": amount, "amount_due": amount})), links), more)
    }

    fn tell_payment(&mut self) {
        let unpaid = json!({"payment_status": "unpaid"});
        let declined = json!({
            "status": "requires_payment_method", "amount_received": 0, "last_payment_error": {"code": "card_declined"},
            "latest_charge": "ch_0",
        });
        match self.life.kind {
            Kind::OneTime => self.tell_success(),
            Kind::FailedThenSucceeded => {
                self.say(
                    "charge.failed",
                    &self.charge(json!({"id": "ch_0", "status": "failed", "amount_captured": 0})),
                );
                self.say("payment_intent.payment_failed", &self.intent(declined));
                self.now += 1;
                self.tell_success();
            }
            Kind::Delayed | Kind::DelayedFailed => {
                let processing = json!({"status": "processing", "amount_received": 0});
                self.say("payment_intent.processing", &self.intent(processing));
                self.say("checkout.session.completed", &self.session(unpaid.clone()));
                self.later();
                if self.life.kind == Kind::Delayed {
                    self.say("payment_intent.succeeded", &self.intent(json!({})));
                    self.say("charge.succeeded", &self.charge(json!({})));
                    self.say("checkout.session.async_payment_succeeded", &self.session(json!({})));
                } else {
                    self.say("payment_intent.payment_failed", &self.intent(declined));
                    self.say("checkout.session.async_payment_failed", &self.session(unpaid));
                }
            }
            Kind::Invoiced | Kind::Subscribed | Kind::Renewed => self.tell_invoice(),
        }
    }

    fn tell_success(&mut self) {
        self.say("payment_intent.succeeded", &self.intent(json!({})));
        self.say("charge.succeeded", &self.charge(json!({})));
        self.say("checkout.session.completed", &self.session(json!({})));
    }

    fn tell_invoice(&mut self) {
        let open = json!({"status": "open", "amount_paid": 0, "status_transitions": {"paid_at": null}});
        self.say("invoice.finalized", &self.invoice(open.clone()));
        if self.life.kind == Kind::Renewed {
            self.say("invoice.payment_failed", &self.invoice(open));
            self.later();
        }
        self.say("payment_intent.succeeded", &self.intent(json!({})));
        self.say("charge.succeeded", &self.charge(json!({})));
        self.say("invoice.paid", &self.invoice(json!({})));
        self.say("invoice.payment_succeeded", &self.invoice(json!({})));
        if !self.life.old {
            self.say("invoice_payment.paid", &invoice_payment(json!({"amount_paid": self.life.amount})));
        }
        let link = match self.life.kind {
            Kind::Invoiced => json!({"invoice": "in_1"}),
            _ => json!({
                "mode": "subscription", "invoice": "in_1", "payment_intent": null, "subscription": "sub_1",
            }),
        };
        if self.life.kind != Kind::Renewed {
            self.say("checkout.session.completed", &self.session(link));
        }
    }

    /// Adds the events of the refunds. Returns the amount refunded in the end, in the charge's currency.
    fn tell_refunds(&mut self) -> i64 {
        let (currency, amount) = self.charged(self.life.amount);
        let mut alive = 0;
        for (at, (share, end)) in self.life.refunds.clone().into_iter().enumerate() {
            self.later();
            let part = i64::try_from(i128::from(amount) * i128::from(share) / 16).unwrap().min(amount - alive);
            if part == 0 {
                continue;
            }
            let id = format!("re_{at}");
            let made = self.now;
            let told = |status: &str| with(refund(&id, part, status), json!({"currency": currency, "created": made}));
            let at_once = matches!(end, End::Succeeded | End::FailedLate);
            if !self.life.old {
                self.say("refund.created", &told(if at_once { "succeeded" } else { "pending" }));
            }
            let before = json!({"amount_refunded": alive});
            alive += part;
            let figure = self.charge(json!({"amount_refunded": alive, "refunded": alive == amount}));
            self.say_after("charge.refunded", &figure, &before);
            self.keep(&told(if at_once { "succeeded" } else { "pending" }));
            let (status, was) = match end {
                End::Succeeded | End::StaysPending => continue,
                End::Failed => ("failed", "pending"),
                End::FailedLate => ("failed", "succeeded"),
                End::Cancelled => ("canceled", "pending"),
            };
            self.now += self.life.gap * 500;
            let updated = if self.life.old { "charge.refund.updated" } else { "refund.updated" };
            self.say_after(updated, &told(status), &json!({"status": was}));
            if status == "failed" && !self.life.old {
                self.say("refund.failed", &told(status));
            }
            alive -= part;
            // No event reports that the charge's refunded amount fell again.
            self.keep(&self.charge(json!({"amount_refunded": alive})));
        }
        alive
    }

    fn tell_dispute(&mut self, outcome: &str) {
        self.later();
        let open = if outcome == "under_review" { outcome } else { "needs_response" };
        self.say("charge.dispute.created", &dispute("du_1", open));
        self.say("charge.dispute.funds_withdrawn", &dispute("du_1", open));
        if outcome != "under_review" {
            self.say("charge.dispute.closed", &dispute("du_1", outcome));
        }
        if outcome == "won" {
            self.say("charge.dispute.funds_reinstated", &dispute("du_1", outcome));
        }
    }
}

impl Life {
    /// All events, oldest first, and the row that they must become.
    pub(crate) fn tell(&self) -> (Vec<Fact>, Expected) {
        let (said, _, expected) = self.live();
        (said, expected)
    }

    /// The life's objects, as a later backfill finds them.
    pub(crate) fn found(&self) -> Vec<Fact> {
        let (_, objects, _) = self.live();
        objects.iter().map(|object| sync(1_000_000, object)).collect()
    }

    fn live(&self) -> (Vec<Fact>, Vec<Value>, Expected) {
        let mut telling = Telling { life: self, now: 10_000, said: Vec::new(), objects: BTreeMap::new() };
        telling.tell_payment();
        let back = telling.tell_refunds();
        if let Some(outcome) = self.disputed {
            telling.tell_dispute(outcome);
        }
        let back = if telling.charged(1).1 == 2 { back / 2 } else { back };
        let subscribed = matches!(self.kind, Kind::Subscribed | Kind::Renewed);
        let failed = self.kind == Kind::DelayedFailed;
        let expected = Expected {
            payment_type: match (subscribed, failed) {
                (true, _) => "subscription_invoice",
                (_, true) => "failed_payment",
                _ => "one_time_payment",
            },
            status: match back {
                _ if failed => "failed",
                0 => "succeeded",
                back if back == self.amount => "refunded",
                _ => "partially_refunded",
            },
            amount: self.amount,
            amount_refunded: back,
            dispute_status: self.disputed,
        };
        (telling.said, telling.objects.into_values().collect(), expected)
    }
}

/// The same life with other ids, so that several lives can be mixed.
pub(crate) fn renamed(facts: &[Fact], to: usize) -> Vec<Fact> {
    let text = serde_json::to_string(facts).unwrap();
    let mut text = text;
    for prefix in ["cs_", "pi_", "ch_", "in_", "inpay_", "re_", "du_", "sub_"] {
        text = text.replace(&format!("\"{prefix}"), &format!("\"{prefix}{to}x"));
    }
    text = text.replace("\"evt_", &format!("\"evt_{to}x"));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_life_is_told_of_its_own_objects() {
    let said = [say("charge.succeeded", 1, &charge(json!({})))];
    let renamed = renamed(&said, 7);
    assert_eq!(renamed[0].object.keys(), ["ch_7x1", "pi_7x1"]);
}
