"""Stories of what was really bought: Stripe's line items count before the requested ones; one-time lines of subscriptions."""

import json

from bought import COURSE, CREDITS, ORDER, PAID, bought, order, ordered
from expected import paid, user
from generated import (
    LOCAL, charge, event, intent, invoice, invoice_payment, local, price, refunded, session, stamped, subscription,
    subscription_session,
)
from story import Story

PACK = "select payments.set_credit_benefit('test', 'price_b', 50);"
WAITS = {"state": "needs_review", "item": "line_items"}
JOB = {"kind": "fulfillment_jobs", "state": "needs_review"}


def line(id_="price_a", quantity=1, amount=1000, currency="usd", **more):
    return {
        "id": f"li_{id_}", "object": "item", "quantity": quantity, "amount_subtotal": amount, "amount_total": amount,
        "currency": currency, "price": {"id": id_, "object": "price", "product": f"prod_{id_[6:]}", "type": "one_time", **more},
    }


def page(lines, created, session_id="cs_a", has_more=False):
    """The line items of a backfill with its time, delivered among the events."""
    return {
        "id": f"page_{created}", "type": "backfill", "created": 1752000000 + created, "livemode": False,
        "objects": [{
            "object": "list", "url": f"/v1/checkout/sessions/{session_id}/line_items", "has_more": has_more, "data": lines,
        }],
    }


def once(**more):
    """A one-time price."""
    return event("price.created", price(type="one_time", recurring=None, **{"unit_amount": 1000, **more}), 1)


def asked(*lines, number=1):
    """Sets the line items that the local session requested."""
    items = json.dumps([{"price": id_, "quantity": quantity} for id_, quantity in lines])
    return f"update payments.checkout_sessions set line_items = '{items}' where id = '{LOCAL % number}';"


def completed(subtotal, created=63, **more):
    return event("checkout.session.completed", session(1, **{"amount_subtotal": subtotal, "amount_total": subtotal, **more}), created)


def has(credits, key=True):
    return {
        "balances": [f" user u_1001: {credits}"] if credits else [],
        "public.user_entitlements": [{"user_id": "u_1001", "key": "course", "active": True}] if key else [],
    }


def stories():
    yield from known()
    yield from unknown()
    yield from currencies()
    yield from subscriptions()


def known():
    everything = CREDITS + COURSE + PACK + local(1)
    two = everything + asked(("price_a", 2))
    yield Story(
        "a payer lowers a quantity", [completed(1000), once(), page([line()], 100)], two, has(500),
    )
    yield Story(
        "a payer lowers a quantity of what no catalog has, and some goes back", [
            completed(1000), page([line()], 100), event("refund.created", refunded(amount=400), 5000),
            event("payment_intent.succeeded", intent(metadata=stamped(1), amount=1000, amount_received=1000), 62),
        ],
        two, has(300),
    )
    yield Story(
        "a payer raises a quantity", [completed(3000), once(), page([line(quantity=3, amount=3000)], 100)], two, has(1500),
    )
    yield Story(
        "a payer takes an upsell", [completed(2500), once(), page([line("price_b", amount=2500)], 100)],
        everything, has(50, key=False),
    )
    yield Story(
        "a payer drops a line and adds another", [
            completed(900), page([line("price_b", 2, 900)], 100), event("refund.created", refunded(amount=900), 5000),
        ],
        everything + asked(("price_a", 1), ("price_b", 1)), has(0, key=False),
    )
    yield Story(
        "line items say what was asked for", [completed(2000), page([line(quantity=2, amount=2000)], 100)], two,
        {**has(1000), "payments.fulfillments": [
            {"kind": "credit_ledger", "item": "credits:price_a", "amount_due": 1000}, {"kind": "user_entitlements", "item": "course"},
            {"kind": "fulfillment_jobs", "state": "applied"}]},
    )
    yield Story(
        "a page of line items comes before the rest of them", [
            completed(3000), page([line()], 100, has_more=True), page([line(), line("price_b", 4, 2000)], 200),
        ],
        two, has(700),
    )
    yield Story(
        "a session carries its line items", [
            completed(1000), once(),
            event("checkout.session.async_payment_succeeded", session(
                1, amount_subtotal=1000, amount_total=1000,
                line_items={"object": "list", "has_more": False, "data": [line()]}), 90),
        ],
        two, has(500),
    )
    yield Story(
        "line items that were seen before the payer changed them", [
            page([line(quantity=2, amount=2000)], 10), completed(1000), once(),
        ],
        two, {**has(0, key=False), "payments.fulfillments": [WAITS, WAITS, JOB]},
    )
    yield Story(
        "a recovered session has line items of its own", [
            event("checkout.session.expired", session(1, status="expired", payment_status="unpaid", payment_intent=None), 86400),
            event("checkout.session.completed", session(
                1, "cs_b", payment_intent="pi_b", recovered_from="cs_a", amount_subtotal=1000, amount_total=1000), 90063),
            page([line()], 90100, "cs_b"),
        ],
        CREDITS + COURSE + local(1, stripe_id="cs_a") + asked(("price_a", 2)), has(500),
    )
    for quantity, status in ((1, "paid"), (2, "pending")):
        yield Story(
            f"an order is for what was really bought: {status}", [completed(1000), page([line()], 100)],
            CREDITS + COURSE + order(1, 1000) + ordered(1, 1) + asked(("price_a", 2))
            + f"update public.orders set line_items = '[{{\"price\": \"price_a\", \"quantity\": {quantity}}}]';",
            {**has(500), "public.orders": [bought(status, amount=1000)]},
        )


def unknown():
    everything = CREDITS + COURSE + local(1)
    two = everything + asked(("price_a", 2))
    waits = {**has(0, key=False), "payments.fulfillments": [WAITS, WAITS, JOB]}
    yield Story(
        "the sum is another than was asked for", [
            completed(1000), once(), event("payment_intent.succeeded", intent(metadata=stamped(1), amount=1000, amount_received=1000), 62),
        ],
        two, waits,
    )
    yield Story("the sum is what was asked for", [completed(2000), once()], two, has(1000))
    yield Story("more was paid than was asked for", [completed(3000), once()], two, waits)
    yield Story(
        "all of it goes back before it is known what was bought", [
            completed(1000), once(), event("refund.created", refunded(amount=1000), 5000)],
        two, {**has(0, key=False), "payments.fulfillments": [
            {"item": "line_items", "state": "skipped"}, {"item": "line_items", "state": "skipped"},
            {"kind": "fulfillment_jobs", "state": "skipped"}]},
    )
    tiers = {"unit_amount": None, "unit_amount_decimal": None, "billing_scheme": "tiered"}
    yield Story("tiers can't be computed", [completed(1500), once(**tiers)], two, waits)
    yield Story(
        "tiers are told by line items", [completed(1500), once(**tiers), page([line(quantity=2, amount=1500)], 100)], two, has(1000),
    )
    yield Story(
        "a payer chooses the amount", [
            completed(700), once(unit_amount=None, unit_amount_decimal=None, custom_unit_amount={"minimum": 100})],
        everything, waits,
    )
    yield Story(
        "an order waits too", [PAID, once(), event("refund.created", refunded(amount=800), 5000)],
        CREDITS + order(1) + ordered(1, 1), {"balances": [], "public.orders": [bought("pending")]},
    )
    yield Story(
        "a coupon pays all of it", [
            completed(1000, payment_status="no_payment_required", amount_total=0, payment_intent=None), once()],
        everything, has(500),
    )
    yield Story(
        "only a part of the line items is known", [completed(1000), page([line()], 100, has_more=True)], everything, waits,
    )
    yield Story(
        "less arrives, and it is not known for what", [
            completed(1000), once(), event("payment_intent.succeeded", intent(
                metadata=stamped(1), amount=1000, amount_received=600), 62),
        ],
        two, {**has(0, key=False), "payments.fulfillments": [
            {"kind": "credit_ledger", "state": "needs_review", "reason": "400 less was received…"},
            {"kind": "user_entitlements", "state": "needs_review"}, JOB]},
    )
    yield Story(
        "a part is captured later, and only the charge says so", [
            completed(2000, payment_status="unpaid"),
            event("charge.succeeded", charge(metadata=stamped(1), captured=False, amount_captured=0), 62),
            event("charge.captured", charge(metadata=stamped(1), amount_captured=1200, amount_refunded=800), 500),
        ],
        two, {**has(0, key=False), "payments.fulfillments": [
            {"kind": "credit_ledger", "state": "needs_review", "reason": "800 less was received…"},
            {"kind": "user_entitlements", "state": "needs_review"}, JOB]},
    )


def currencies():
    everything = CREDITS + COURSE + local(1)
    yield Story(
        "a currency option can't be computed", [completed(900, currency="eur"), once()], everything,
        {**has(0, key=False), "payments.fulfillments": [WAITS, WAITS, JOB]},
    )
    yield Story(
        "adaptive pricing compares in the app's currency", [
            completed(1000, presentment_details={"presentment_amount": 930, "presentment_currency": "eur"}), once()],
        everything, has(500),
    )
    yield Story(
        "adaptive pricing of older versions compares in the app's currency", [
            completed(930, currency="eur", currency_conversion={
                "amount_total": 1000, "amount_subtotal": 1000, "source_currency": "usd", "fx_rate": "0.93"}),
            once()],
        everything, has(500),
    )


def billed(*lines):
    """The first invoice. Each line is a price, and whether it belongs to the subscription's item."""
    def of(id_, is_item):
        kind = "subscription_item_details" if is_item else "invoice_item_details"
        return {
            "id": f"il_{id_}", "object": "line_item", "amount": 1500, "currency": "usd", "quantity": 1,
            "period": {"start": 1752000060, "end": 1754592060},
            "pricing": {"type": "price_details", "price_details": {"price": id_, "product": f"prod_{id_[6:]}"}},
            "parent": {"type": kind, kind: {"proration": False, "subscription": "sub_a", "subscription_item": "si_a" if is_item else None}},
        }
    data = [of(id_, is_item) for id_, is_item in lines]
    return event("invoice.paid", invoice(amount_due=6400, amount_paid=6400, total=6400, lines={"object": "list", "has_more": False, "data": data}), 62)


def subscriptions():
    """A pack of credits in the checkout of a subscription."""
    both = PACK + COURSE + local(1, "subscription") + asked(("price_a", 1), ("price_b", 2))
    told = event("checkout.session.completed", {**subscription_session(1), "amount_subtotal": 6400, "amount_total": 6400}, 63)
    lines = invoice(amount_due=6400, amount_paid=6400, total=6400)
    began = event("customer.subscription.created", subscription(end=4000000000 - 1752000000), 61)
    paid_first = event("invoice.paid", lines, 62)
    yield Story("a one-time line of a subscription's checkout", [told, began, paid_first], both, has(100))
    yield Story(
        "a one-time line of a subscription's checkout, told by the catalog", [
            told, paid_first, event("price.created", price(id="price_b", type="one_time", recurring=None), 1),
            event("price.created", price(), 1),
        ],
        both, has(100, key=False),
    )
    yield Story(
        "half of a subscription's first invoice goes back", [
            told, began, paid_first, event("invoice_payment.paid", invoice_payment(amount_paid=6400), 62),
            event("refund.created", refunded(amount=3200), 5000),
        ],
        both, has(50),
    )
    yield Story(
        "a one-time line of a subscription's checkout, as line items say", [
            told, began, paid_first, page([line(type="recurring"), line("price_b", 1, 5400)], 100)],
        both, has(50),
    )
    yield Story(
        "a subscription's checkout without one-time lines", [told, began, paid_first],
        COURSE + CREDITS.replace("price_a", "price_c") + local(1, "subscription"),
        {**has(0), "payments.fulfillments": [{"kind": "user_entitlements", "source": "subscription:sub_a"}]},
    )
    switched = subscription(end=4000000000 - 1752000000)
    switched["items"]["data"][0]["price"] = {"id": "price_c", "object": "price", "product": "prod_c", "currency": "usd"}
    yield Story(
        "the plan of a checkout with a one-time line is switched", [
            told, began, billed(("price_a", True), ("price_b", False)),
            event("customer.subscription.updated", switched, 5000), event("price.created", price(), 1),
        ],
        both, has(100, key=False),
    )
    yield Story(
        "a line of a subscription's checkout that the payer dropped", [told, began, billed(("price_a", True))],
        both, has(0),
    )
    unlinked = {**subscription_session(1), "metadata": {}, "client_reference_id": LOCAL % 1}
    by_reference = event("checkout.session.completed", unlinked, 63)
    yield Story(
        "a subscription's checkout that only its payer may have named", [by_reference, began, paid_first], both,
        {**has(0, key=False), "payments.fulfillments": [
            {"kind": "user_entitlements", "state": "needs_review"},
            {"kind": "checkout_sessions", "source": "session:cs_a", "item": LOCAL % 1, "state": "needs_review"}]},
    )
    yield Story(
        "a subscription's checkout that is recorded, without metadata", [by_reference, began, paid_first],
        PACK + COURSE + local(1, "subscription", stripe_id="cs_a") + asked(("price_a", 1), ("price_b", 2)),
        has(100),
    )
