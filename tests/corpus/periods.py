"""Stories of subscriptions that give credits: in every order, each subject has the same in the end."""

import copy

import older
from generated import charge, dispute, event, invoice, invoice_payment, price, refunded, subscription
from story import Story

DAY = 86400
MONTH = 30 * DAY
YEAR = 360 * DAY
MONTHLY = "select payments.set_credit_benefit('test', 'price_a', 100);"
YEARLY = "select payments.set_credit_benefit('test', 'price_year', 1200);"
PARTS = "select payments.set_credit_benefit('test', 'price_year', 100, every => '30 days', until_period_end => true);"
WHO = {"metadata": {"payments_subject_type": "user", "payments_subject_id": "u_1001"}}
MAPPED = """insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
    values ('test', 'user', 'u_1001', 'cus_a');"""


def line(id_, start=0, end=MONTH, price_id="price_a", amount=1500, quantity=1, item="si_a", proration=False, credits=None):
    credited = {"invoice": "in_a", "invoice_line_items": credits} if credits else None
    return {
        "id": id_, "object": "line_item", "amount": amount, "currency": "usd", "quantity": quantity,
        "period": {"start": 1752000000 + start, "end": 1752000000 + end},
        "pricing": {"type": "price_details", "unit_amount_decimal": str(amount),
                    "price_details": {"price": price_id, "product": "prod_a"}},
        "parent": {"type": "subscription_item_details", "subscription_item_details": {
            "proration": proration, "proration_details": {"credited_items": credited}, "subscription": "sub_a",
            "subscription_item": item}},
    }


def paid(id_, at, *lines, has_more=False, type_="invoice.paid", **more):
    made = {"paid_at": 1752000000 + at, "finalized_at": 1752000000 + at}
    told = {"object": "list", "has_more": has_more, "data": list(lines), "url": f"/v1/invoices/{id_}/lines"}
    return event(type_, invoice(id_, lines=told, status_transitions=made, created=1752000000 + at, **more), at + 1)


def active(**more):
    return event("customer.subscription.created", subscription(**{**WHO, **more}), 60)


def yearly(**more):
    return price(id="price_year", recurring={"interval": "day", "interval_count": 360, "usage_type": "licensed"}, **more)


def monthly(**more):
    return price(recurring={"interval": "day", "interval_count": 30, "usage_type": "licensed"}, **more)


def has(balance):
    return {"balances": [f" user u_1001: {balance}"] if balance else []}


FIRST = paid("in_a", 60, line("il_a"))
SECOND = paid("in_b", MONTH, line("il_b", MONTH, 2 * MONTH))


def stories():
    for one in [*periods(), *switches(), *returns(), *parts()]:
        yield one
        # Also in Stripe's older shape, and as one endpoint that receives both.
        yield in_older(one, lambda place: True, "acacia")
        yield in_older(one, lambda place: place % 2 == 0, "mixed")


def in_older(one, which, name):
    """The same story, with the lines of some invoices in Stripe's older shape."""
    events = copy.deepcopy(one.events)
    for place, told in enumerate(events):
        thing = told.get("data", {}).get("object", {})
        if not which(place) or thing.get("object") != "invoice":
            continue
        kept = copy.deepcopy(thing["lines"]["data"])
        events[place] = older.older(told, one)
        for old, new in zip(events[place]["data"]["object"]["lines"]["data"], kept):
            details = new["parent"]["subscription_item_details"]
            old |= {"type": "subscription", "subscription_item": details["subscription_item"],
                    "proration_details": details["proration_details"]}
    return Story(f"{one.name} ({name})", events, one.setup, one.expected)


def periods():
    yield Story("credits for each paid period", [active(), FIRST, SECOND], MONTHLY, has(200))
    yield Story(
        "credits for quantities and tiers", [
            active(), paid("in_a", 60, line("il_1", quantity=5), line("il_2", quantity=3), line("il_3", item="si_b")),
        ],
        MONTHLY, has(900),
    )
    trial = line("il_t", 0, 14 * DAY, amount=0)
    of_trial = [active(), event("price.created", monthly(), 1), paid("in_t", 60, trial), paid("in_a", 14 * DAY, line("il_a", 14 * DAY, 44 * DAY))]
    yield Story("a trial gives no credits", of_trial, MONTHLY, has(100))
    yield Story(
        "a trial gives credits if it is said to", of_trial,
        "select payments.set_credit_benefit('test', 'price_a', 100, trials => true);", has(200),
    )
    yield Story(
        "what is free gives credits", [active(), event("price.created", monthly(unit_amount=0), 1), paid("in_t", 60, trial)],
        MONTHLY, has(100),
    )
    yield Story(
        "credits of a product, told twice", [
            active(), FIRST, paid("in_a", 60, line("il_a"), type_="invoice.payment_succeeded"),
        ],
        "select payments.set_credit_benefit('test', 'prod_a', 30);", has(30),
    )
    yield Story(
        "credits that lapse with their period, which is over", [active(), FIRST, SECOND],
        "select payments.set_credit_benefit('test', 'price_a', 100, until_period_end => true);", has(0),
    )
    yield Story(
        "credits that last for long", [active(), FIRST, SECOND],
        "select payments.set_credit_benefit('test', 'price_a', 100, lasts => '90 years');", has(200),
    )
    yield Story("credits for whom a mapping names", [FIRST, SECOND], MONTHLY + MAPPED, has(200))
    gone = event("customer.deleted", {"id": "cus_a", "object": "customer", "livemode": False}, 9 * MONTH)
    yield Story("credits of a subscription that names nobody", [FIRST, gone], MONTHLY, has(0))
    yield Story(
        "an invoice with more lines than its event carries", [
            active(), paid("in_a", 60, *[line(f"il_{n}", item=f"si_{n}") for n in range(10)], has_more=True),
        ],
        MONTHLY, has(1000),
    )
    yield Story(
        "all lines of an invoice are told later", [
            active(), paid("in_a", 60, *[line(f"il_{n:02}", item=f"si_{n}") for n in range(10)], has_more=True),
            paid("in_a", 60, *[line(f"il_{n:02}", item=f"si_{n}") for n in range(12)], type_="invoice.payment_succeeded"),
        ],
        MONTHLY, has(1200),
    )
    twelve = [line(f"il_{n:02}", item=f"si_{n}") for n in range(12)]
    part = paid("in_a", 60, *twelve[:10], has_more=True)
    yield Story("all lines of an invoice are fetched", [active(), part, fetched(twelve, 100)], MONTHLY, has(1200))
    yield Story(
        "all lines are fetched of an invoice, of which half goes back", [
            active(), part, fetched(twelve, 100), event("invoice_payment.paid", invoice_payment(), 61),
            event("refund.created", refunded(amount=part["data"]["object"]["amount_paid"] // 2), 5000),
        ],
        MONTHLY,
    )
    yield Story(
        "some lines of an invoice are fetched", [active(), part, fetched(twelve[:11], 100, has_more=True)], MONTHLY, has(1000),
    )
    yield Story(
        "other lines are fetched than the invoice told", [active(), part, fetched(twelve[5:], 100)], MONTHLY, has(1000),
    )


def fetched(lines, created, invoice_id="in_a", has_more=False):
    """The invoice lines of a backfill with its time, delivered among the events."""
    return {
        "id": f"lines_{created}", "type": "backfill", "created": 1752000000 + created, "livemode": False,
        "objects": [{"object": "list", "url": f"/v1/invoices/{invoice_id}/lines", "has_more": has_more, "data": lines}],
    }


def look(number):
    """A retry of what is due, delivered among the events."""
    return {"id": f"look_{number}", "type": "look", "created": 1752000000, "livemode": False}


def switches():
    third = MONTH // 3
    upgrade = [
        line("il_1", third, MONTH, amount=-1000, proration=True, credits=["il_a"]),
        line("il_2", third, third + YEAR, "price_year", 15000),
    ]
    back = [
        line("il_3", third + YEAR // 2, third + YEAR, "price_year", -7500, proration=True, credits=["il_2"]),
        line("il_4", third + YEAR // 2, third + YEAR // 2 + MONTH),
    ]
    catalog = [event("price.created", monthly(), 1), event("price.created", yearly(), 1)]
    everything = [active(), FIRST, paid("in_b", third, *upgrade), paid("in_c", third + YEAR // 2, *back)]
    yield Story("a switch to yearly and back", everything, MONTHLY + YEARLY, has(34 + 600 + 100))
    at_once = [
        line("il_3", third, third + YEAR, "price_year", -15000, proration=True, credits=["il_2"]), line("il_4", third, third + MONTH),
    ]
    yield Story(
        "a switch to yearly and back at once gains nothing", [*everything[:3], paid("in_c", third, *at_once)],
        MONTHLY + YEARLY, has(34 + 100),
    )
    prorated = [
        line("il_1", third, MONTH, amount=-1000, proration=True), line("il_2", third, MONTH, "price_b", 2000, proration=True),
    ]
    of_b = price(id="price_b", recurring={"interval": "day", "interval_count": 30, "usage_type": "licensed"})
    yield Story(
        "a switch between plans of one interval, the catalog told late", [
            active(), FIRST, paid("in_b", third, *prorated), event("price.created", of_b, 1), catalog[0],
        ],
        MONTHLY + "select payments.set_credit_benefit('test', 'price_b', 1000);", has(34 + 666),
    )
    more = [
        line("il_1", third, MONTH, amount=-1000, proration=True), line("il_2", third, MONTH, amount=5000, quantity=5, proration=True),
    ]
    yield Story(
        "more seats for the rest of a month", [active(), FIRST, paid("in_b", third, *more), catalog[0]], MONTHLY, has(34 + 333),
    )
    def of(id_, start, *rest, quantity=1, amount=-1000):
        return line(id_, start, MONTH, *rest, amount=amount, quantity=quantity, proration=True)

    pending = [
        of("il_1", DAY), of("il_2", DAY, "price_b", amount=9000), of("il_3", 2 * DAY, "price_b"), of("il_4", 2 * DAY, amount=900),
        line("il_5", MONTH, 2 * MONTH),
    ]
    yield Story(
        "a switch and back, all on the invoice of the renewal", [
            active(), FIRST, paid("in_b", MONTH, *pending), event("price.created", of_b, 1), catalog[0],
        ],
        MONTHLY + "select payments.set_credit_benefit('test', 'price_b', 1000);", has(4 + 33 + 93 + 100),
    )
    up = paid("in_b", 5 * DAY, of("il_1", DAY), of("il_2", DAY, quantity=100, amount=96000))
    down = paid("in_c", 3 * DAY, of("il_3", 2 * DAY, quantity=100, amount=-93000), of("il_4", 2 * DAY, amount=930))
    yield Story(
        "many seats for a day, paid after they were given back", [active(), FIRST, up, down, catalog[0]],
        MONTHLY, has(4 + 333 + 93),
    )


def returns():
    link = event("invoice_payment.paid", invoice_payment("in_a", "pi_a"), 61)
    money = event("charge.succeeded", charge(amount=1500, amount_captured=1500), 61)
    yield Story(
        "a refund takes from the credits of its own invoice", [
            active(), FIRST, SECOND, link, money, event("refund.created", refunded(amount=500), MONTH + DAY),
        ],
        MONTHLY, has(167),
    )
    yield Story(
        "an invoice is refunded in full after its credits lapsed", [
            active(), FIRST, link, event("refund.created", refunded(amount=1500), 2 * MONTH),
        ],
        "select payments.set_credit_benefit('test', 'price_a', 100, until_period_end => true);", has(0),
    )
    yield Story(
        "a half of many small parts is refunded", [
            active(), FIRST, link, money, event("refund.created", refunded(amount=750), MONTH + DAY),
        ],
        "select payments.set_credit_benefit('test', 'price_a', 1, every => '1 day');", has(15),
    )
    yield Story(
        "a dispute of an invoice is lost, then won", [
            active(), FIRST, SECOND, link, money, event("charge.dispute.created", dispute("needs_response", amount=1500), 6000),
            event("charge.dispute.closed", dispute("lost", amount=1500), 8000),
        ],
        MONTHLY, has(100),
    )


def parts():
    year = paid("in_y", 60, line("il_y", 0, YEAR, "price_year", 15000))
    ended = subscription("canceled", ended_at=1752000000 + 100 * DAY, **WHO)
    forever = "select payments.set_credit_benefit('test', 'price_year', 100, every => '30 days');"
    yield Story("a year in parts", [active(), year], forever, has(1200))
    yield Story("a year in parts, all of them over", [active(), year], PARTS, has(0))
    yield Story(
        "a year in parts ends with its subscription", [active(), year, event("customer.subscription.deleted", ended, 100 * DAY)],
        forever, has(400),
    )
    for status in ("unpaid", "paused"):
        waits = event("customer.subscription.updated", subscription(status, **WHO), 100 * DAY)
        yield Story(f"a year in parts waits while it is {status}", [active(), year, waits], forever, has(400))
        again = event("customer.subscription.updated", subscription("active", **WHO), 200 * DAY)
        yield Story(
            f"a year in parts that was {status} and is active again", [active(), year, waits, again], forever, has(1200),
        )
        renamed = event("customer.subscription.updated", subscription(status, **WHO, description="x"), 170 * DAY)
        yield Story(f"a year in parts that waits is told of once more while it is {status}", [active(), year, waits, renamed], forever, has(400))
        yield Story(
            f"a year in parts is {status} again", [
                active(), year, waits, again, event("customer.subscription.updated", subscription(status, **WHO), 250 * DAY),
                event("customer.subscription.updated", subscription(status, **WHO, description="x"), 290 * DAY),
            ],
            forever, has(900),
        )
        gone = event("customer.subscription.deleted", subscription("canceled", ended_at=1752000000 + 200 * DAY, **WHO), 200 * DAY)
        yield Story(f"a year in parts ends while it is {status}", [active(), year, waits, gone], forever, has(400))
        yield Story(
            f"a year in parts that waits while it is {status}, looked at", [active(), year, waits, look(1), renamed, look(2)],
            forever, has(400),
        )
    yield Story(
        "a year in parts, refunded", [
            active(), year, event("invoice_payment.paid", invoice_payment("in_y", "pi_a"), 61),
            event("refund.created", refunded(amount=1500, created=1752000000 + 70 * DAY), 70 * DAY),
        ],
        forever, has(0),
    )
    credit = line("il_c", 45 * DAY, YEAR, "price_year", -13000, proration=True, credits=["il_y"])
    yield Story(
        "a year in parts is switched away from", [active(), year, paid("in_c", 45 * DAY, credit)], forever, has(150),
    )
    coming = paid("in_y", 60, line("il_y", 0, 60 * 360 * DAY, "price_year", 15000))
    yield Story(
        "parts that are due for decades", [active(), coming, event("customer.subscription.updated", subscription(**WHO), 90)],
        "select payments.set_credit_benefit('test', 'price_year', 1, every => '360 days', until_period_end => true);", has(1),
    )
