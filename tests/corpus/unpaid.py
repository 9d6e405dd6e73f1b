"""Stories of plan changes whose invoice is not paid, or not yet: in every order, everyone has what was bought, and no more."""

from generated import event, invoice, price, subscription
from periods import DAY, MONTH, MONTHLY, WHO, YEAR, has, in_older, line, monthly, paid, yearly
from story import Story

OTHER = "select payments.set_credit_benefit('test', 'price_b', 1000);"
KEYS = """select payments.set_entitlement_benefit('test', 'price_a', 'basic');
          select payments.set_entitlement_benefit('test', 'price_b', 'pro');"""
FAR = 20000 * DAY
THIRD = MONTH // 3
FIRST = paid("in_a", 60, line("il_a"))
CATALOG = [
    event("price.created", monthly(), 1),
    event("price.created", price(id="price_b", recurring={"interval": "day", "interval_count": 30, "usage_type": "licensed"}), 1),
]


def told(status, id_, at, *lines, type_="invoice.finalized", finalized=None):
    """An invoice that is not paid."""
    made = {"paid_at": None, "finalized_at": 1752000000 + (at if finalized is None else finalized)}
    listed = {"object": "list", "has_more": False, "data": list(lines), "url": f"/v1/invoices/{id_}/lines"}
    return event(type_, invoice(id_, status, lines=listed, status_transitions=made, created=1752000000 + at, amount_paid=0), at + 1)


def of(status, at, price_id="price_a", kind="updated", **more):
    items = [{
        "id": "si_a", "object": "subscription_item", "quantity": 1, "subscription": "sub_a", "metadata": {},
        "current_period_start": 1752000060, "current_period_end": 1752000000 + FAR,
        "price": {"id": price_id, "object": "price", "product": "prod_a", "currency": "usd"},
    }]
    return event(f"customer.subscription.{kind}", subscription(status, items=items, **{**WHO, **more}), at)


def rest(id_, start, price_id, amount, credits=None, end=MONTH):
    """A line that charges or credits the rest of a period."""
    return line(id_, start, end, price_id, amount, proration=True, credits=credits)


UP = [rest("il_1", THIRD, "price_a", -1000, ["il_a"]), rest("il_2", THIRD, "price_b", 2000)]
BACK = [rest("il_3", 2 * THIRD, "price_b", -1000, ["il_2"]), rest("il_4", 2 * THIRD, "price_a", 500)]
START = of("active", 60, kind="created")
SWITCHED = of("past_due", THIRD + 2, "price_b")
FAILED = told("open", "in_b", THIRD, *UP, type_="invoice.payment_failed")


def keys(basic, pro):
    known = {"basic": basic, "pro": pro}
    return {"public.user_entitlements": [{"key": key, "active": now} for key, now in known.items() if now is not None]}


def stories():
    for one in [*upgrades(), *switched_back(), *renewals(), *free()]:
        yield one
        yield in_older(one, lambda place: True, "acacia")
        yield in_older(one, lambda place: place % 2 == 0, "mixed")


def upgrades():
    begun = [START, FIRST, *CATALOG]
    setup = MONTHLY + OTHER + KEYS
    plain = [*begun, FAILED, SWITCHED]
    yield Story("an upgrade that is not paid yet", plain, setup, {**has(100), **keys(None, False)})
    for word, status in (("voided", "void"), ("marked_uncollectible", "uncollectible")):
        after = told(status, "in_b", 20 * DAY, *UP, type_=f"invoice.{word}", finalized=THIRD)
        yield Story(f"an upgrade whose invoice is {word}", [*plain, after], setup, {**has(100), **keys(None, False)})
    late = paid("in_b", 25 * DAY, *UP)
    again = of("active", 25 * DAY + 2, "price_b")
    yield Story("an upgrade that is paid late", [*plain, late, again], setup, {**has(34 + 666), **keys(None, True)})
    written_off = told("uncollectible", "in_b", 20 * DAY, *UP, type_="invoice.marked_uncollectible", finalized=THIRD)
    yield Story("an upgrade that is paid after all", [*plain, written_off, late], setup, has(34 + 666))
    for status in ("unpaid", "canceled"):
        more = {"ended_at": 1752000000 + 22 * DAY} if status == "canceled" else {}
        kind = "deleted" if status == "canceled" else "updated"
        end = of(status, 22 * DAY, "price_b", kind, **more)
        yield Story(f"a subscription is {status} because of its upgrade", [*plain, end], setup, {**has(100), **keys(None, False)})
        yield Story(f"an upgrade is paid when the subscription is {status}", [*plain, end, late], setup, has(34 + 666))
    renewal = paid("in_c", MONTH, line("il_n", MONTH, 2 * MONTH, "price_b", 3000))
    yield Story("a renewal is paid, the upgrade before it is not", [*plain, renewal], setup, has(100 + 1000))
    on_renewal = [*UP, line("il_n", MONTH, 2 * MONTH, "price_b", 3000)]
    waits = told("open", "in_b", MONTH, *on_renewal, type_="invoice.payment_failed")
    yield Story("an upgrade on the invoice of a renewal that is not paid", [*begun, SWITCHED, waits], setup, has(100))
    yield Story(
        "an upgrade on the invoice of a renewal that is paid late",
        [*begun, SWITCHED, waits, paid("in_b", 40 * DAY, *on_renewal)], setup, has(34 + 666 + 1000),
    )
    parts = "select payments.set_credit_benefit('test', 'price_year', 100, every => '30 days');"
    year = paid("in_y", 60, line("il_y", 0, YEAR, "price_year", 15000))
    from_year = [
        rest("il_1", 45 * DAY, "price_year", -13000, ["il_y"], YEAR), rest("il_2", 45 * DAY, "price_b", 3000, end=75 * DAY),
    ]
    catalog = [event("price.created", yearly(), 1), CATALOG[1]]
    tried = told("open", "in_b", 45 * DAY, *from_year, type_="invoice.payment_failed")
    yield Story("a switch away from a year in parts that is not paid", [START, year, *catalog, tried], parts + OTHER, has(1200))
    yield Story(
        "a switch away from a year in parts that is paid late", [START, year, *catalog, tried, paid("in_b", 100 * DAY, *from_year)],
        parts + OTHER, has(150 + 1000),
    )


def switched_back():
    begun = [START, FIRST, *CATALOG]
    setup = MONTHLY + OTHER
    plain = [*begun, FAILED]
    back = paid("in_c", 2 * THIRD, *BACK)
    void = told("void", "in_b", 21 * DAY, *UP, type_="invoice.voided", finalized=THIRD)
    yield Story("an upgrade that is not paid, and back", [*plain, back], setup, has(100))
    yield Story("an upgrade that is voided, and back", [*plain, back, void], setup, has(100))
    yield Story("an upgrade that is paid after the way back", [*plain, back, paid("in_b", 25 * DAY, *UP)], setup, has(34 + 666 - 333 + 33))
    again = [rest("il_5", 25 * DAY, "price_a", -250, ["il_4"]), rest("il_6", 25 * DAY, "price_b", 500)]
    and_back = [rest("il_7", 25 * DAY, "price_b", -500, ["il_6"]), rest("il_8", 25 * DAY, "price_a", 250)]
    yield Story(
        "an upgrade that is not paid, and back, twice",
        [*plain, back, told("open", "in_d", 25 * DAY, *again), paid("in_e", 25 * DAY, *and_back)], setup, has(100),
    )
    yield Story(
        "an upgrade that is not paid, and an end", [*plain, paid("in_c", 2 * THIRD, BACK[0])], setup, has(67),
    )
    # It costs 2000, but the 1000 that are credited are worth only the 500 that were paid for the first plan.
    further = [BACK[0], rest("il_4", 2 * THIRD, "price_c", 2000)]
    third = event("price.created", price(
        id="price_c", recurring={"interval": "day", "interval_count": 30, "usage_type": "licensed"}), 1)
    more = "select payments.set_credit_benefit('test', 'price_c', 1200);"
    yield Story(
        "an upgrade that is not paid, and a further one", [*plain, third, paid("in_c", 2 * THIRD, *further)], setup + more,
        has(67 + 300),
    )


def renewals():
    begun = [START, paid("in_a", 60, line("il_a", 0, MONTH, "price_b", 3000)), *CATALOG]
    setup = MONTHLY + OTHER
    renewal = line("il_n", MONTH, 2 * MONTH, "price_b", 3000)
    failed = told("open", "in_b", MONTH, renewal, type_="invoice.payment_failed")
    down = [rest("il_3", MONTH, "price_b", -3000, ["il_n"], 2 * MONTH), rest("il_4", MONTH, "price_a", 1500, None, 2 * MONTH)]
    switch = paid("in_c", MONTH + 60, *down)
    yield Story("a renewal that is not paid, and a cheaper plan for it", [*begun, failed, switch], setup, has(1000))
    yield Story(
        "a renewal that is paid after it was switched away from", [*begun, failed, switch, paid("in_b", 40 * DAY, renewal)],
        setup, has(1000 + 100),
    )
    yield Story("a cheaper plan that renews", [
        *begun, failed, switch, paid("in_d", 2 * MONTH, line("il_m", 2 * MONTH, 3 * MONTH)),
    ], setup, has(1000 + 100))
    # The cheaper plan cost nothing, so its credit pays nothing of the next plan.
    up = [rest("il_5", MONTH, "price_a", -1500, ["il_4"], 2 * MONTH), rest("il_6", MONTH, "price_b", 3000, None, 2 * MONTH)]
    yield Story(
        "a renewal that is not paid, a cheaper plan, and back", [*begun, failed, switch, paid("in_d", MONTH + 90, *up)],
        setup, has(1000 + 500),
    )


def free():
    setup = MONTHLY + OTHER
    begun = [
        START, paid("in_a", 60, line("il_a", amount=0)), event("price.created", monthly(unit_amount=0), 1), CATALOG[1],
    ]
    up = [rest("il_1", THIRD, "price_a", 0, ["il_a"]), rest("il_2", THIRD, "price_b", 2000)]
    back = [rest("il_3", 2 * THIRD, "price_b", -1000, ["il_2"]), rest("il_4", 2 * THIRD, "price_a", 0)]
    failed = told("open", "in_b", THIRD, *up)
    yield Story("a free plan, an upgrade that is not paid, and back", [*begun, failed, paid("in_c", 2 * THIRD, *back)], setup, has(100))
    other = paid("in_a", 60, line("il_a", 0, MONTH, "price_b", 3000))
    unpaid = told("open", "in_b", MONTH, line("il_n", MONTH, 2 * MONTH, "price_b", 3000))
    down = [rest("il_3", MONTH, "price_b", -3000, ["il_n"], 2 * MONTH), rest("il_4", MONTH, "price_a", 0, None, 2 * MONTH)]
    yield Story(
        "a renewal that is not paid, and the free plan for it", [*begun[:1], *begun[2:], other, unpaid, paid("in_c", MONTH + 60, *down)],
        setup, has(1000 + 100),
    )
