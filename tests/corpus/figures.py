"""Stories about the monthly revenue of subscriptions, and about notices of subscriptions and invoices for workers."""

from expected import at
from generated import event, invoice, subscription
from story import Story


def price(id_="price_a", amount=1500, interval="month", **more):
    return {
        "id": id_, "object": "price", "product": "prod_a", "currency": "usd", "unit_amount": amount, "type": "recurring",
        "billing_scheme": "per_unit", "recurring": {"interval": interval, "interval_count": 1, "usage_type": "licensed"}, **more,
    }


def items(*prices, quantity=1, start=60):
    data = [{
        "id": f"si_{n}", "object": "subscription_item", "quantity": quantity, "subscription": "sub_a", "metadata": {},
        "current_period_start": 1752000000 + start, "current_period_end": 1752000000 + start + 2592000, "price": one,
    } for n, one in enumerate(prices)]
    return {"object": "list", "has_more": False, "data": data}


def said(type_, created, status="active", listed=None, **more):
    thing = {**subscription(status), "items": listed or items(price()), **more}
    return event(f"customer.subscription.{type_}", thing, created)


def change(seconds, changed, mrr, **more):
    return {"changed_at": at(seconds), "changed": changed, "mrr": mrr, **more}


def discounted(id_="di_1", **coupon):
    return event("customer.discount.created", {
        "id": id_, "object": "discount", "customer": "cus_a", "subscription": "sub_a",
        "coupon": {"id": "HALF", "object": "coupon", "duration": "forever", "percent_off": 50, **coupon},
    }, 300)


def coupon(id_="HALF", **more):
    return {"id": id_, "object": "coupon", "duration": "forever", "percent_off": 50, "amount_off": None, "currency": None, **more}


def of_coupon(id_, coupon_id, **more):
    """A discount as events render it since API version 2025-09-30."""
    return {"id": id_, "object": "discount", "customer": "cus_a", "source": {"type": "coupon", "coupon": coupon_id}, **more}


def upcoming(created, period_end, amount_due=1500):
    thing = {**invoice(status="draft"), "period_end": 1752000000 + period_end, "amount_due": amount_due, "next_payment_attempt": None}
    del thing["id"]
    return event("invoice.upcoming", thing, created)


def attempt(type_, created, count, status="open", **more):
    thing = {**invoice(status=status, **more), "attempt_count": count, "next_payment_attempt": 1752000000 + created + 86400,
             "hosted_invoice_url": "https://invoice.stripe.com/i/a"}
    return event(f"invoice.{type_}", thing, created)


def stories():
    yield from of_figures()
    yield from of_coupons()
    yield from of_dunning()


def of_figures():
    yield Story(
        "figures: seats, a plan, a discount, the end",
        [
            said("created", 60, "trialing", trial_end=1752000100),
            said("updated", 100),
            said("updated", 200, listed=items(price(), quantity=3)),
            said("updated", 300, listed=items(price(), quantity=3), discounts=["di_1"]),
            discounted(),
            said("updated", 400, listed=items(price("price_b", 12000, "year"), price("price_c", 100)), discounts=["di_1"]),
            said("updated", 500, listed=items(price("price_b", 12000, "year"), price("price_c", 100)), discounts=["di_1"],
                 cancel_at_period_end=True),
            said("deleted", 600, "canceled", listed=items(price("price_b", 12000, "year"), price("price_c", 100)), ended_at=1752000600),
        ],
        expected={"subscription_changes": [
            change(60, ["start"], 0, status="trialing"), change(100, ["status"], 1500), change(200, ["quantity"], 4500),
            change(300, ["discount"], 2250, is_complete=True), change(400, ["price"], 550),
            change(500, ["ending"], 0, previous_mrr=550), change(600, ["status", "discount"], 0, status="canceled"),
        ], "jobs": ["subscription_ended subscription:sub_a"]},
    )
    yield Story(
        "figures: two changes within a second are one",
        [
            said("created", 60, "incomplete"), said("updated", 60, "active"),
            event("customer.subscription.updated", {**subscription("active"), "items": items(price(), quantity=2)}, 90,
                  previous={"items": items(price())}),
            event("customer.subscription.updated", {**subscription("active"), "items": items(price(), quantity=5)}, 90,
                  previous={"items": items(price(), quantity=2)}),
        ],
        expected={"subscription_changes": [change(60, ["start"], 1500), change(90, ["quantity"], 7500)]},
    )
    yield Story(
        "figures: what was before the first event is presumed",
        [said("updated", 300, listed=items(price(), quantity=2), trial_end=1752000100), said("updated", 400)],
        expected={"subscription_changes": [
            change(60, ["start"], 0, status="trialing", is_presumed=True), change(100, ["status"], 3000, is_presumed=True),
            change(400, ["quantity"], 1500, is_presumed=False),
        ]},
    )
    yield Story(
        "figures: a discount that nobody explains leaves the sum incomplete",
        [said("created", 60, discounts=["di_9"]), discounted("di_1"), said("updated", 400, discounts=[])],
        expected={"subscription_changes": [
            change(60, ["start"], 1500, is_complete=False), change(400, ["discount"], 1500, is_complete=True),
        ]},
    )


def of_coupons():
    yield Story(
        "figures: a discount names its coupon, which an event of its own tells",
        [
            said("created", 60, discounts=["di_1"]),
            event("customer.discount.created", of_coupon("di_1", "HALF", subscription="sub_a"), 60),
            event("coupon.created", coupon(), 10),
            event("coupon.updated", coupon(name="Half"), 70, previous={"name": None}),
            said("updated", 400, listed=items(price(), quantity=2), discounts=["di_1"]),
        ],
        expected={"subscription_changes": [
            change(60, ["start"], 750, is_complete=True), change(400, ["quantity"], 1500, is_complete=True),
        ]},
    )
    tenth = items({**price(), "id": "price_b"})
    tenth["data"][0]["discounts"] = ["di_2"]
    told = items({**price(), "id": "price_b"})
    told["data"][0]["discounts"] = [of_coupon("di_2", "TENTH")]
    thing = {**subscription(), "created": 1752000060}
    looks = [
        {"type": "backfill", "id": "told", "created": 1752000500,
         "objects": [coupon("TENTH", percent_off=10), {**thing, "items": told, "discounts": [of_coupon("di_1", "HALF")]}]},
        {"type": "backfill", "id": "named", "created": 1752000600, "objects": [{**thing, "items": tenth, "discounts": ["di_1"]}]},
    ]
    yield Story(
        "figures: what a backfill told of discounts, a later one of that day does not forget",
        [said("created", 60, listed=tenth, discounts=["di_1"]), *looks, event("coupon.deleted", coupon(), 700)],
        expected={"subscription_changes": [change(60, ["start"], 675, is_complete=True)]},
    )


def of_dunning():
    yield Story(
        "dunning: the newest attempt of an invoice that is not paid",
        [
            attempt("payment_failed", 100, 1), attempt("payment_failed", 200, 2), attempt("payment_action_required", 200, 2),
            said("created", 60), said("updated", 100, "past_due"),
        ],
        expected={"jobs": ["payment_action_required invoice:in_a:2", "payment_failed invoice:in_a:2"]},
    )
    yield Story(
        "dunning: an invoice that was paid in the end",
        [
            attempt("payment_failed", 100, 1), attempt("payment_action_required", 200, 2),
            event("invoice.paid", invoice(), 300), said("created", 60),
        ],
        expected={"jobs": [], "notices": []},
    )
    yield Story(
        "dunning: an invoice that was voided",
        [attempt("payment_failed", 100, 1), event("invoice.voided", invoice(status="void", amount_paid=0), 300)],
        expected={"jobs": [], "notices": []},
    )
    yield Story(
        "dunning: a trial that goes on, and a renewal",
        [
            said("created", 60, "trialing", trial_end=1752000900),
            said("trial_will_end", 500, "trialing", trial_end=1752000900),
            upcoming(600, 2592060), upcoming(700, 2592060, 1700),
        ],
        expected={"jobs": ["renewal_upcoming subscription:sub_a:1754592060", "trial_will_end subscription:sub_a:1752000900"],
                  "notices": [{"kind": "renewal_upcoming", "amount_due": 1700}, {"kind": "trial_will_end", "happens_at": at(900)}]},
    )
    yield Story(
        "dunning: a trial that ended, and a renewal that was",
        [
            said("created", 60, "trialing", trial_end=1752000900),
            said("trial_will_end", 500, "trialing", trial_end=1752000900),
            upcoming(600, 2592060), said("updated", 2592060, listed=items(price(), start=2592060), trial_end=1752000900),
        ],
        expected={"jobs": [], "notices": []},
    )
