"""The end of each story, written from the rules of the projection, not from the code.

Every table named here has exactly the given rows, compared on the given columns. 'pi_3R…' means: begins with pi_3R.
"""

from datetime import datetime, timezone


NONE = (0, None)


def at(seconds):
    """A number of seconds after the beginning of the stories, as a row shows the time."""
    return datetime.fromtimestamp(1752000000 + seconds, timezone.utc).isoformat()


def user(**more):
    return {"subject_type": "user", "subject_id": "u_1001", **more}


def team(**more):
    return {"subject_type": "team", "subject_id": "team_1", **more}


def paid(amount=2000, **more):
    return {
        "type": "one_time_payment", "status": "succeeded", "amount": amount, "amount_refunded": NONE,
        "currency": "usd", **more,
    }


def invoiced(amount=1500, **more):
    return {"type": "subscription_invoice", "status": "succeeded", "amount": amount, "currency": "usd", **more}


def refund(amount, status="refunded", **more):
    return {"type": "refund", "status": status, "amount": amount, **more}


COMPLETED = {"status": "completed", "payment_status": "paid"}
FREE = {"status": "completed", "payment_status": "no_payment_required"}

EXPECTED = {
    "01-onetime-pi-first": {
        "payment_history": [user(**paid(
            stripe_payment_intent_id="pi_3RChvqG…", stripe_charge_id="ch_3R3l6tu…", paid_at=at(62),
            stripe_checkout_session_id="cs_test_a1iN…", stripe_customer_id="cus_SAw5…", failed_at=None,
            refunded_at=None, customer_email_snapshot="buyer@example.com", stripe_invoice_id=None,
        ))],
        "checkout_sessions": [{
            **COMPLETED, "stripe_payment_intent_id": "pi_3RChvqG…", "stripe_customer_id": "cus_SAw5…",
        }],
        "stripe_customer_mappings": [user(stripe_customer_id="cus_SAw5…")],
        "subscriptions": [],
    },
    "02-onetime-checkout-first": {
        "payment_history": [user(**paid(stripe_payment_intent_id="pi_3RAxh7Z…", paid_at=at(62)))],
        "checkout_sessions": [COMPLETED],
    },
    "04-onetime-receipt-email": {
        "payment_history": [
            user(**paid(
                stripe_payment_intent_id=intent, paid_at=at(time), customer_email_snapshot="buyer@example.com",
            ))
            for intent, time in (("pi_3RKyK9c…", 62), ("pi_3R20Til…", 132))
        ],
        "stripe_customer_mappings": [user(stripe_customer_id="cus_S5yV…")],
    },
    "05-delayed-succeeded": {
        "payment_history": [paid(
            4900, subject_type="team", subject_id="team_42", paid_at=at(431999), failed_at=None, currency="eur",
        )],
        "checkout_sessions": [COMPLETED],
    },
    **{
        name: {
            "payment_history": [{
                "type": "failed_payment", "status": "failed", "amount": 4900, "subject_type": "team",
                "subject_id": "team_42", "failed_at": at(431999), "paid_at": None,
            }],
            "checkout_sessions": [{"payment_status": "unpaid", "stripe_payment_intent_id": "pi_…"}],
        }
        for name in ("06-delayed-failed", "07-delayed-failed-async-first")
    },
    "10-expired": {"payment_history": [], "checkout_sessions": [{"status": "expired", "payment_status": "unpaid"}]},
    "11-sub-lifecycle": {
        "payment_history": [
            team(**invoiced(
                stripe_invoice_id="in_1RaHCAs…", stripe_checkout_session_id="cs_test_a1NK…", paid_at=at(61),
                stripe_subscription_id="sub_1RfAFeG…", stripe_price_id="price_1RAx276…",
                stripe_product_id="prod_SGbi…", stripe_customer_id="cus_SC3K…",
            )),
            team(**invoiced(stripe_invoice_id="in_1RcAu1Y…", paid_at=at(2592061), stripe_checkout_session_id=None)),
        ],
        "subscriptions": [team(
            status="canceled", cancel_at_period_end=True, cancel_at=at(5184060), canceled_at=at(2592560),
            current_period_start=at(2592060), current_period_end=at(5184060), latest_invoice_id="in_1RcAu1Y…",
            stripe_customer_id="cus_SC3K…",
        )],
        "subscription_items": [{"stripe_subscription_item_id": "si_S6cS…", "quantity": 1}],
        "customers": [{"stripe_customer_id": "cus_SC3K…", "email": "owner@example.com", "deleted": False}],
        "stripe_customer_mappings": [team(stripe_customer_id="cus_SC3K…")],
        "checkout_sessions": [{
            **COMPLETED, "stripe_subscription_id": "sub_1RfAFeG…", "stripe_customer_id": "cus_SC3K…",
        }],
    },
    "12-sub-checkout-last": {
        "payment_history": [team(**invoiced(stripe_checkout_session_id="cs_test_a1bb…"))],
        "subscriptions": [team(status="active", latest_invoice_id="in_1R2lzsM…")],
        "stripe_customer_mappings": [team(stripe_customer_id="cus_SnJz…")],
    },
    "13-sub-trial": {
        "payment_history": [
            team(**invoiced(0, paid_at=at(61), stripe_checkout_session_id="cs_test_a1xH…")),
            team(**invoiced(1500, paid_at=at(1209661))),
        ],
        "subscriptions": [team(
            status="active", trial_end=at(1209660), current_period_start=at(1209660),
            current_period_end=at(3801660), latest_invoice_id="in_1RlnMs3…",
        )],
        "checkout_sessions": [FREE],
    },
    "14-sub-dunning": {
        "payment_history": [
            team(**invoiced(paid_at=at(61), stripe_checkout_session_id="cs_test_a1G3…")),
            team(**invoiced(paid_at=at(3192060), stripe_invoice_id="in_1R2SJka…")),
        ],
        "subscriptions": [team(status="active", latest_invoice_id="in_1R2SJka…")],
    },
    "16-sub-paused-resumed": {
        "subscriptions": [team(
            status="active", current_period_start=at(1296060), current_period_end=at(3888060),
        )],
        "checkout_sessions": [FREE],
    },
    "17-sub-cancel-uncancel": {
        "subscriptions": [team(
            status="canceled", cancel_at_period_end=False, cancel_at=None, canceled_at=at(460),
        )],
        "checkout_sessions": [COMPLETED],
    },
    "18-sub-multi-item-removed": {
        "subscriptions": [{
            "subject_type": "org", "subject_id": "org_9", "current_period_start": at(40),
            "current_period_end": at(2592080),
        }],
        "subscription_items": [
            {"stripe_subscription_item_id": "si_SVZF…", "quantity": 7},
            {"stripe_subscription_item_id": "si_SP89…", "quantity": None},
        ],
        "payment_history": [],
    },
    "20-sub-items-has-more": {"subscription_items": [{"quantity": n} for n in range(1, 11)]},
    "23-sub-subject-via-mapping": {
        "stripe_customer_mappings": [],
        "subscriptions": [{"status": "canceled", "subject_type": None, "subject_id": None, "canceled_at": at(110)}],
        "payment_history": [invoiced(subject_type=None, subject_id=None)],
        "customers": [{"deleted": True, "email": "owner@example.com"}],
    },
    "24-sub-upgrade-proration": {
        "payment_history": [
            team(**invoiced(1500, stripe_price_id="price_1RhX0wP…")), team(**invoiced(3300, paid_at=at(1061))),
        ],
        "subscription_items": [{"stripe_price_id": "price_1RiZpNE…", "quantity": 1}],
    },
    "25-refund-full-charge-first": {
        "payment_history": [
            user(**{**paid(), "status": "refunded", "amount_refunded": 2000, "refunded_at": at(5001)}),
            refund(2000, stripe_payment_intent_id="pi_3REpADJ…", stripe_charge_id="ch_3RK47jC…", currency="usd"),
        ],
    },
    "27-refund-partial": {
        "payment_history": [
            user(**{**paid(), "status": "partially_refunded", "amount_refunded": 700}), refund(700),
        ],
    },
    "28-refund-two-partials": {
        "payment_history": [
            user(**{**paid(), "status": "refunded", "amount_refunded": 2000}), refund(700), refund(1300),
        ],
    },
    "31-refund-pending-failed": {
        "payment_history": [user(**paid(refunded_at=None)), refund(2000, "failed")],
    },
    "33-refund-canceled": {
        "payment_history": [user(**paid(refunded_at=None)), refund(2000, "canceled")],
    },
    "35-refund-before-payment-redelivered": {
        "payment_history": [
            user(**{**paid(), "status": "partially_refunded", "amount_refunded": 700}), refund(700),
        ],
    },
    "39-refund-invoice-with-payments": {
        "payment_history": [
            team(**{
                **invoiced(stripe_payment_intent_id="pi_3ReZ4ag…", stripe_checkout_session_id="cs_test_a1fG…"),
                "status": "partially_refunded", "amount_refunded": 500,
            }),
            refund(500, stripe_charge_id="ch_3ReZGsV…"),
        ],
    },
    "41-guest-no-subject": {
        "payment_history": [paid(subject_type=None, subject_id=None, stripe_customer_id=None)],
        "stripe_customer_mappings": [],
        "checkout_sessions": [COMPLETED],
    },
    "42-mapping-backfill": {
        "payment_history": [
            user(**paid(stripe_customer_id="cus_SYa4…")), user(**paid(stripe_customer_id="cus_Spn0…")),
        ],
        "stripe_customer_mappings": [user(stripe_customer_id="cus_SYa4…")],
        "customers": [{"stripe_customer_id": "cus_SYa4…"}],
    },
    "44-customers": {
        "customers": [{"deleted": True, "email": "new@example.com", "metadata": {"plan": "platinum"}}],
        "stripe_customer_mappings": [],
    },
    "47-duplicates": {
        "payment_history": [
            user(**{**paid(), "status": "partially_refunded", "amount_refunded": 100}),
            team(**invoiced()),
            refund(100),
        ],
        "subscriptions": [team(status="active")],
    },
    "48-same-object-new-event-id": {"payment_history": [user(**paid(paid_at=at(62)))]},
    "50-unknown-types": {
        "payment_history": [{"type": "dispute", "amount": 2000, "stripe_charge_id": "ch_3RZyPYG…"}],
        "products": [{"stripe_product_id": "prod_S5fU…"}],
        "prices": [{"stripe_price_id": "price_1Rz2Mq…"}],
    },
    "51-connected-account": {"payment_history": [], "checkout_sessions": [{"status": "open"}]},
    "53-zero-amount": {
        "checkout_sessions": [FREE, FREE],
    },
    "54-pi-failed-then-succeeded": {
        "payment_history": [user(**paid(paid_at=at(62), stripe_charge_id="ch_3R4upfW…"))],
    },
    "57-invoice-one-off": {
        "payment_history": [paid(
            25000, subject_type="org", subject_id="o_1", paid_at=at(4000), description="Consulting…",
            stripe_invoice_id="in_1RMFVz9…", customer_email_snapshot="buyer@example.com",
        )],
    },
    "61-handler-fails-then-retry": {"payment_history": [user(**paid(paid_at=at(63)))]},
    "67-sub-incomplete-expired": {
        "subscriptions": [team(status="incomplete_expired")],
        "payment_history": [{"type": "subscription_invoice", "status": "failed", "amount": 1500, "paid_at": None}],
    },
}
