"""Stories of what was bought: the app's own tables end the same in every order too."""

from expected import at, paid, refund, user
from generated import (
    charge, dispute, event, intent, invoice, invoice_payment, local, price, refunded, session, stamped, subscription,
    subscription_session,
)
from story import Story

ORDER = "99999999-0000-4000-8000-%012d"


def order(number, amount=2000, owner="u_1001", currency="usd"):
    return f"""insert into public.orders (id, user_id, subject_type, subject_id, amount, currency)
        values ('{ORDER % number}', '{owner}', 'user', '{owner}', {amount}, '{currency}');"""


def ordered(number, order_number, **more):
    return local(number, metadata=f'{{"order_id": "{ORDER % order_number}"}}', **more)


CREDITS = "select payments.set_credit_benefit('test', 'price_a', 500);"
COURSE = "select payments.set_entitlement_benefit('test', 'price_a', 'course');"
PAID = event("checkout.session.completed", session(1), 63)
REFUND = event("refund.created", refunded(amount=800), 5000)


def bought(status, **more):
    return {"status": status, "amount": 2000, **more}


def stories():
    yield Story(
        "an order is paid", [
            PAID, event("payment_intent.succeeded", intent(metadata=stamped(1)), 62),
            event("charge.succeeded", charge(), 62),
        ],
        order(1) + ordered(1, 1),
        {"public.orders": [bought("paid", paid_at=at(62), stripe_payment_intent_id="pi_a")]},
    )
    yield Story(
        "an order is paid, then refunded in two parts", [
            PAID, REFUND, event("refund.created", refunded("re_b", 1200), 6000),
            event("charge.refunded", charge(amount_refunded=2000, refunded=True), 6000),
        ],
        order(1) + ordered(1, 1), {"public.orders": [bought("refunded", amount_refunded=2000)]},
    )
    yield Story(
        "an order is paid, then refunded in part", [PAID, REFUND, event("charge.succeeded", charge(), 62)],
        order(1) + ordered(1, 1), {"public.orders": [bought("paid", amount_refunded=800)]},
    )
    yield Story(
        "an order's refund fails", [
            PAID, event("refund.created", refunded(amount=2000, status="pending"), 5000),
            event("charge.refunded", charge(amount_refunded=2000, refunded=True), 5000),
            event("refund.failed", refunded(amount=2000, status="failed"), 9000),
        ],
        order(1) + ordered(1, 1), {"public.orders": [bought("paid", amount_refunded=0)]},
    )
    yield Story(
        "an order nobody paid in full", [event("checkout.session.completed", session(1, amount_total=10, amount_subtotal=10), 63)],
        order(1) + ordered(1, 1), {"public.orders": [bought("pending")]},
    )
    yield Story(
        "another's order", [PAID], order(1, owner="u_2") + ordered(1, 1), {"public.orders": [bought("pending")]},
    )
    yield Story(
        "one order, two payments", [
            event("checkout.session.completed", session(1, "cs_1", payment_intent="pi_1"), 63),
            event("checkout.session.completed", session(2, "cs_2", payment_intent="pi_2", metadata=stamped(2)), 64),
            event("refund.created", refunded(amount=2000, charge="ch_2", payment_intent="pi_2"), 5000),
        ],
        order(1) + ordered(1, 1) + ordered(2, 1),
        {"public.orders": [bought("paid", stripe_payment_intent_id="pi_1")]},
    )
    yield Story(
        "a lost dispute takes an order back", [
            PAID, event("charge.succeeded", charge(), 62),
            event("charge.dispute.created", dispute("needs_response"), 6000),
            event("charge.dispute.closed", dispute("lost"), 8000),
        ],
        order(1) + ordered(1, 1), {"public.orders": [bought("refunded")]},
    )
    yield Story(
        "credits, of which two fifths go back", [PAID, REFUND, event("charge.succeeded", charge(), 62)],
        CREDITS + local(1), {"balances": [" user u_1001: 300"]},
    )
    yield Story(
        "credits, refunded in part and then disputed", [
            PAID, REFUND, event("charge.dispute.created", dispute("needs_response"), 6000),
            event("charge.dispute.closed", dispute("lost"), 8000),
        ],
        CREDITS + local(1), {"balances": []},
    )
    yield Story(
        "credits, disputed in vain", [
            PAID, event("charge.dispute.created", dispute("needs_response"), 6000),
            event("charge.dispute.closed", dispute("won"), 8000),
            event("charge.dispute.funds_reinstated", dispute("won"), 8000),
        ],
        CREDITS + local(1), {"balances": [" user u_1001: 500"]},
    )
    yield Story(
        "credits paid for late", [
            event("checkout.session.completed", session(1, payment_status="unpaid"), 63),
            event("payment_intent.payment_failed", intent(
                metadata=stamped(1), status="requires_payment_method", amount_received=0), 100),
            event("checkout.session.async_payment_succeeded", session(1), 5000),
        ],
        CREDITS + local(1), {"balances": [" user u_1001: 500"]},
    )
    yield Story(
        "a course, refunded", [PAID, event("refund.created", refunded(amount=2000), 5000),
                               event("charge.refunded", charge(amount_refunded=2000, refunded=True), 5000)],
        COURSE + local(1), {"public.user_entitlements": [{"user_id": "u_1001", "key": "course", "active": False}]},
    )
    yield Story(
        "a course bought twice, refunded once", [
            PAID, event("checkout.session.completed", session(2, "cs_2", payment_intent="pi_2", metadata=stamped(2)), 70),
            event("refund.created", refunded(amount=2000), 5000),
        ],
        COURSE + local(1) + local(2),
        {"public.user_entitlements": [
            {"user_id": "u_1001", "key": "course", "active": True}, {"user_id": "u_1001", "key": "course", "active": False},
        ]},
    )
    yield Story(
        "a pack and a course of a product whose price may be told late", [
            PAID, event("price.created", price(), 1), REFUND, event("charge.succeeded", charge(), 62),
        ],
        """select payments.set_credit_benefit('test', 'prod_a', 500);
           select payments.set_entitlement_benefit('test', 'prod_a', 'course', '1 month');""" + local(1),
        {"balances": [" user u_1001: 300"],
         "public.user_entitlements": [{"user_id": "u_1001", "key": "course", "active": True}]},
    )
    yield from recurring()
    yield from rivals()
    far = 4000000000 - 1752000000
    team = local(1, "subscription", ("team", "t_1"))
    of_team = {**stamped(1, "subscription"), "insforge_subject_type": "team", "insforge_subject_id": "t_1"}
    other = subscription("canceled", "sub_b", end=far + 100)
    other["items"]["data"][0]["id"] = "si_b"
    yield Story(
        "a team's subscriptions overlap", [
            event("checkout.session.completed", {**subscription_session(1), "metadata": of_team}, 63),
            event("customer.subscription.created", subscription(end=far), 61),
            event("customer.subscription.created", {**other, "status": "active"}, 62),
            event("customer.subscription.deleted", other, 900),
        ],
        COURSE + team,
        {"public.team_billing_status": [{"team_id": "t_1", "stripe_subscription_id": "sub_a", "status": "active"}]},
    )
    yield Story(
        "a team's subscription ends", [
            event("checkout.session.completed", {**subscription_session(1), "metadata": of_team}, 63),
            event("invoice.paid", invoice(), 62),
            event("customer.subscription.created", subscription(end=far), 61),
            event("customer.subscription.updated", subscription("past_due", end=far), 700, previous={"status": "active"}),
            event("customer.subscription.deleted", subscription("canceled", end=far), 900),
        ],
        COURSE + team,
        {"public.team_billing_status": [{"team_id": "t_1", "status": "canceled"}],
         "public.user_entitlements": [{"key": "course", "active": False}]},
    )


def recurring():
    """A payment that gave something turns out to be a subscription's invoice."""
    everything = CREDITS + COURSE + order(1) + ordered(1, 1)
    nothing = {
        "public.orders": [bought("pending", stripe_payment_intent_id=None)], "balances": [],
        "public.user_entitlements": [{"user_id": "u_1001", "key": "course", "active": False}],
    }
    yield Story(
        "a late invoice makes a payment a subscription's", [
            event("checkout.session.completed", session(1, invoice="in_a"), 63),
            event("invoice.paid", invoice(), 62),
            event("charge.dispute.closed", dispute("lost"), 8000),
        ],
        everything, nothing,
    )
    yield Story(
        "a late invoice payment makes a payment of two a subscription's", [
            PAID, event("invoice.paid", invoice(), 62), event("invoice_payment.paid", invoice_payment(), 62),
            event("checkout.session.completed", session(2, "cs_2", payment_intent="pi_2", metadata=stamped(2)), 70),
        ],
        everything + ordered(2, 1),
        {"public.orders": [bought("paid", stripe_payment_intent_id="pi_2")], "balances": [" user u_1001: 500"]},
    )


def rivals():
    """Several of Stripe's sessions name one local row: a backend that lost the first answer asked again a day later."""
    def of(letter, made, **more):
        return session(1, f"cs_{letter}", payment_intent=f"pi_{letter}", created=1752000000 + made, **more)

    everything = CREDITS + COURSE + order(1) + ordered(1, 1)
    yield Story(
        "a session expired, the one after it was paid", [
            event("checkout.session.expired", of("a", 0, status="expired", payment_status="unpaid", customer=None), 86400),
            event("checkout.session.completed", of("b", 90000), 90063),
            event("payment_intent.succeeded", intent("pi_b", stamped(1)), 90062),
        ],
        everything,
        {"public.orders": [bought("paid", stripe_payment_intent_id="pi_b")], "balances": [" user u_1001: 500"],
         "checkout_sessions": [{"status": "completed", "stripe_checkout_session_id": "cs_b"}]},
    )
    yield Story(
        "two sessions of one row are both paid", [
            event("checkout.session.completed", of("a", 0), 90100),
            event("checkout.session.completed", of("b", 90000, customer="cus_b"), 90063),
            event("refund.created", refunded(amount=2000, charge="ch_b", payment_intent="pi_b"), 95000),
        ],
        everything,
        {"public.orders": [bought("paid", stripe_payment_intent_id="pi_a")], "balances": [" user u_1001: 500"],
         "public.user_entitlements": [{"user_id": "u_1001", "key": "course", "active": True}],
         "stripe_customer_mappings": [user(stripe_customer_id="cus_a")],
         "payment_history": [
             paid(stripe_checkout_session_id="cs_a", stripe_price_id="price_a"),
             paid(stripe_checkout_session_id="cs_b", stripe_price_id=None, status="refunded", amount_refunded=2000),
             refund(2000)]},
    )
    yield Story(
        "of two sessions of one row the later is paid first", [
            event("checkout.session.completed", of("a", 0, payment_status="unpaid"), 63),
            event("checkout.session.completed", of("b", 100), 163),
            event("checkout.session.async_payment_succeeded", of("a", 0), 5000),
        ],
        everything,
        {"public.orders": [bought("paid", stripe_payment_intent_id="pi_a")], "balances": [" user u_1001: 500"]},
    )
    yield Story(
        "of three sessions of one row none is paid", [
            event("checkout.session.completed", of("a", 0, payment_status="unpaid"), 63),
            event("checkout.session.async_payment_failed", of("a", 0, payment_status="unpaid"), 5000),
            event("checkout.session.expired", of("b", 100, status="expired", payment_status="unpaid"), 163),
            event("checkout.session.completed", of("c", 100, payment_status="unpaid", customer="cus_b"), 163),
        ],
        everything,
        {"public.orders": [bought("pending")], "balances": [],
         "checkout_sessions": [{"status": "completed", "payment_status": "unpaid", "stripe_checkout_session_id": "cs_a"}]},
    )
