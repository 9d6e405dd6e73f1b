"""Stories of purchases: the app's own tables end the same in every order too."""

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
    part = {"amount": 500}
    taken, back = {"amount": -500, "fee": 1500, "net": -2000}, {"amount": 300, "fee": 0, "net": 300}
    lost_in_part = [
        PAID, event("charge.succeeded", charge(), 62),
        event("charge.dispute.created", dispute("needs_response", **part), 6000),
        event("charge.dispute.closed", dispute("lost", **part, balance_transactions=[taken]), 8000),
    ]
    yield Story(
        "a lost dispute of a part leaves an order paid", lost_in_part, order(1) + ordered(1, 1),
        {"public.orders": [bought("paid", amount_refunded=500)],
         "payment_history": [
             {**user(**paid()), "dispute_status": "lost", "amount_lost": 500}, {"type": "dispute", "amount": 500}]},
    )
    yield Story(
        "a lost dispute of a part takes that part of credits, and leaves the key", lost_in_part, CREDITS + COURSE + local(1),
        {"balances": [" user u_1001: 375"], "public.user_entitlements": [{"key": "course", "active": True}]},
    )
    yield Story(
        "a lost dispute of which a part is reinstated, beside a refund", [
            PAID, REFUND, event("charge.succeeded", charge(), 62),
            event("charge.dispute.closed", dispute("lost", **part, balance_transactions=[taken]), 8000),
            event("charge.dispute.funds_reinstated", dispute("lost", **part, balance_transactions=[taken, back]), 9000),
        ],
        CREDITS + local(1), {"balances": [" user u_1001: 250"]},
    )
    yield Story(
        "two lost disputes take all together", [
            PAID, event("charge.dispute.closed", dispute("lost", amount=1500), 8000),
            event("charge.dispute.closed", dispute("lost", id="dp_b", amount=700), 8100),
        ],
        CREDITS + local(1), {"balances": []},
    )
    yield Story(
        "a lost dispute in another currency waits for a person", [
            PAID, event("charge.dispute.closed", dispute("lost", amount=1900, currency="eur"), 8000),
        ],
        CREDITS + local(1),
        {"balances": [" user u_1001: 500"], "payments.fulfillments": [
            {"kind": "credit_ledger", "state": "needs_review"}, {"kind": "user_entitlements", "state": "skipped"},
            {"kind": "fulfillment_jobs", "state": "applied"}]},
    )
    yield Story(
        "an appeal follows what was lost", [
            PAID, event("charge.dispute.closed", dispute("lost", **part), 8000),
            event("charge.dispute.updated", dispute("appeal_under_review", **part), 9000),
        ],
        CREDITS + local(1), {"balances": [" user u_1001: 375"]},
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
    yield from recovered()
    yield from recovered_again()
    yield from less()
    yield from ordered_by_buyers()
    far = 4000000000 - 1752000000
    team = local(1, "subscription", ("team", "t_1"))
    of_team = {**stamped(1, "subscription"), "payments_subject_type": "team", "payments_subject_id": "t_1"}
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
    """Several Stripe sessions name one local session: a backend that lost the first response asked again next day."""
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


def recovery(letter, made, before=None, **more):
    return session(1, f"cs_{letter}", payment_intent=f"pi_{letter}", created=1752000000 + made, recovered_from=before, **more)


def recovery_expired(letter, made, before=None):
    thing = recovery(letter, made, before, status="expired", payment_status="unpaid", customer=None) | {"payment_intent": None}
    return event("checkout.session.expired", thing, made + 86400)


def recovered():
    """A session expired, and its payer came back by the recovery URL. Stripe makes a new session for each visit."""
    of, expired = recovery, recovery_expired
    everything = CREDITS + COURSE + order(1)
    recorded = everything + ordered(1, 1, stripe_id="cs_a")
    has_it = {"balances": [" user u_1001: 500"], "public.user_entitlements": [{"user_id": "u_1001", "key": "course", "active": True}]}
    yield Story(
        "a session that was recovered from an expired one is paid", [
            expired("a", 0), event("checkout.session.completed", of("b", 90000, "cs_a"), 90063),
            event("payment_intent.succeeded", intent("pi_b", stamped(1)), 90062),
        ],
        recorded,
        {**has_it, "public.orders": [bought("paid", stripe_payment_intent_id="pi_b")],
         "checkout_sessions": [{"status": "completed", "stripe_checkout_session_id": "cs_b", "recovered_from": "cs_a"}],
         "stripe_customer_mappings": [user(stripe_customer_id="cus_a")],
         "payment_history": [user(**paid(stripe_checkout_session_id="cs_b"))]},
    )
    yield Story(
        "a recovery of a recovery is paid late", [
            expired("a", 0), expired("b", 90000, "cs_a"),
            event("checkout.session.completed", of("c", 180000, "cs_b", payment_status="unpaid"), 180063),
            event("checkout.session.async_payment_succeeded", of("c", 180000, "cs_b"), 200000),
            event("refund.created", refunded(amount=800, charge="ch_c", payment_intent="pi_c"), 300000),
        ],
        recorded,
        {"balances": [" user u_1001: 300"], "public.orders": [bought("paid", stripe_payment_intent_id="pi_c", amount_refunded=800)],
         "checkout_sessions": [{"stripe_checkout_session_id": "cs_c", "recovered_from": "cs_a"}]},
    )
    yield Story(
        "two recoveries are paid: the first has it", [
            expired("a", 0), event("checkout.session.completed", of("b", 90000, "cs_a"), 95000),
            event("checkout.session.completed", of("c", 91000, "cs_a", customer="cus_c"), 94000),
            expired("d", 92000, "cs_a"),
        ],
        recorded,
        {**has_it, "public.orders": [bought("paid", stripe_payment_intent_id="pi_c")],
         "stripe_customer_mappings": [user(stripe_customer_id="cus_c")],
         "payment_history": [paid(stripe_checkout_session_id="cs_b", stripe_price_id=None), user(**paid(stripe_checkout_session_id="cs_c"))]},
    )
    yield Story(
        "two recoveries are paid, the later is refunded", [
            expired("a", 0), event("checkout.session.completed", of("b", 90000, "cs_a"), 90063),
            event("checkout.session.completed", of("c", 91000, "cs_a"), 91063),
            event("refund.created", refunded(amount=2000, charge="ch_c", payment_intent="pi_c"), 95000),
        ],
        recorded, {**has_it, "public.orders": [bought("paid", stripe_payment_intent_id="pi_b")]},
    )
    yield Story(
        "a recovery of a session that nobody saw expire", [event("checkout.session.completed", of("b", 90000, "cs_a"), 90063)],
        recorded, {"balances": [], "public.orders": [bought("pending")], "checkout_sessions": [{"status": "open", "stripe_checkout_session_id": "cs_a"}]},
    )
    yield Story(
        "a recovery of a session that its row does not know", [
            expired("a", 0), event("checkout.session.completed", of("b", 90000, "cs_a"), 90063),
        ],
        everything + ordered(1, 1),
        {**has_it, "public.orders": [bought("paid", stripe_payment_intent_id="pi_b")]},
    )


def recovered_again():
    """A session is recovered although it was paid after all; and several sessions are recovered from one."""
    of, expired = recovery, recovery_expired
    recorded = CREDITS + COURSE + order(1) + ordered(1, 1, stripe_id="cs_a")
    has_it = {"balances": [" user u_1001: 500"], "public.user_entitlements": [{"user_id": "u_1001", "key": "course", "active": True}]}
    yield Story(
        "a recovery of a session that was paid after all", [
            event("checkout.session.completed", of("a", 0, payment_status="unpaid"), 63),
            event("checkout.session.async_payment_succeeded", of("a", 0), 86000),
            event("checkout.session.completed", of("b", 90000, "cs_a"), 90063),
        ],
        recorded,
        {**has_it, "public.orders": [bought("paid", stripe_payment_intent_id="pi_a")],
         "checkout_sessions": [{"stripe_checkout_session_id": "cs_a", "recovered_from": None}],
         "payments.fulfillments": [
             {"kind": "orders", "state": "applied"}, {"kind": "credit_ledger"}, {"kind": "user_entitlements"},
             {"kind": "fulfillment_jobs"}, {"kind": "checkout_sessions", "source": "session:cs_b", "state": "needs_review"}]},
    )
    yield Story(
        "three recoveries are opened, two are paid and the first goes back", [
            expired("a", 0), event("checkout.session.completed", of("b", 90000, "cs_a"), 90063),
            event("checkout.session.completed", of("c", 91000, "cs_a"), 91063), expired("d", 92000, "cs_c"),
            event("refund.created", refunded(amount=2000, charge="ch_b", payment_intent="pi_b"), 95000),
        ],
        recorded,
        {"balances": [], "public.orders": [bought("refunded")],
         "payments.fulfillments": [
             {"kind": "orders", "state": "reversed"}, {"kind": "credit_ledger"}, {"kind": "user_entitlements"},
             {"kind": "fulfillment_jobs"}, {"kind": "fulfillment_jobs"},
             {"kind": "checkout_sessions", "source": "session:cs_c", "state": "needs_review"}]},
    )


def less():
    """Less money arrives than was requested."""
    everything = CREDITS + COURSE + order(1) + ordered(1, 1)
    nothing = {"public.orders": [bought("pending", paid_at=None)], "balances": [], "public.user_entitlements": []}
    part = intent(metadata=stamped(1), amount_received=1200)
    yield Story(
        "a part is captured", [
            event("checkout.session.completed", session(1, payment_status="unpaid"), 63),
            event("payment_intent.succeeded", part, 600),
            event("charge.succeeded", charge(metadata=stamped(1), amount_captured=1200, amount_refunded=800), 600),
        ],
        everything, {**nothing, "payment_history": [user(**paid(1200, shortfall=800))]},
    )
    yield Story(
        "a session says paid, its intent less", [PAID, event("payment_intent.succeeded", part, 62)], everything, nothing,
    )
    yield Story(
        "a session says paid, its charge less, and all goes back", [
            PAID, event("charge.succeeded", charge(amount_captured=1200, amount_refunded=800), 62),
            event("refund.created", refunded(amount=1200), 5000),
        ],
        everything, nothing,
    )
    yield Story(
        "the rest comes after all", [
            PAID, event("payment_intent.succeeded", part, 62),
            event("payment_intent.succeeded", intent(metadata=stamped(1)), 700),
            event("refund.created", refunded(amount=800), 5000),
        ],
        everything, {"public.orders": [bought("paid", amount_refunded=800)], "balances": [" user u_1001: 300"]},
    )
    yield Story(
        "less in the payer's own currency", [
            event("checkout.session.completed", session(
                1, presentment_details={"presentment_amount": 1850, "presentment_currency": "eur"}), 63),
            event("payment_intent.succeeded", intent(metadata=stamped(1), currency="eur", amount=1850, amount_received=1800), 62),
        ],
        everything, nothing,
    )
    yield Story(
        "an invoice is settled by a balance as well", [
            event("checkout.session.completed", session(1, invoice="in_a"), 63),
            event("invoice.paid", invoice(subscription=None, amount_paid=1200, total=2000, amount_due=2000), 62),
            event("payment_intent.succeeded", intent(metadata=stamped(1), amount=1200, amount_received=1200), 62),
        ],
        CREDITS + local(1), {"balances": [" user u_1001: 500"]},
    )


def ordered_by_buyers():
    """The buyer chose both the purchase and the order that it is for."""
    everything = CREDITS + COURSE + order(1)
    mine = everything + ordered(1, 1, opener="u_1001")
    named = "update public.orders set line_items = '[{\"price\": \"price_a\", \"quantity\": %d}]';"
    yield Story(
        "credits do not pay an order too", [PAID, REFUND], mine,
        {"public.orders": [bought("pending")], "balances": [" user u_1001: 300"]},
    )
    yield Story(
        "credits pay the order that is for them", [PAID, REFUND], mine + named % 1,
        {"public.orders": [bought("paid", amount_refunded=800)], "balances": [" user u_1001: 300"]},
    )
    yield Story("an order is for other items", [PAID], mine + named % 2, {"public.orders": [bought("pending")]})
    yield Story(
        "of two payments of an order one gives something else", [
            PAID, event("checkout.session.completed", session(2, "cs_2", payment_intent="pi_2", metadata=stamped(2)), 70),
        ],
        mine + ordered(2, 1), {"public.orders": [bought("paid", stripe_payment_intent_id="pi_2")]},
    )
    for gives, status in (("prod_a", "pending"), ("prod_b", "paid")):
        yield Story(
            f"an order waits until it is known whether its items give something: {status}", [
                PAID, event("price.created", price(), 1), event("refund.created", refunded(amount=800), 5000),
            ],
            f"select payments.set_credit_benefit('test', '{gives}', 500);" + order(1) + ordered(1, 1, opener="u_1001"),
            {"public.orders": [bought(status)]},
        )
