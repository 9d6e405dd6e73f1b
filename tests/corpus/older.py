"""The same stories as rendered by API versions up to 2025-02-24.acacia. Their ends are the same.

Stripe's changelog for 2025-03-31.basil lists what has moved since:
https://docs.stripe.com/changelog/basil
"""

import copy
import dataclasses

VERSION = "2024-11-20.acacia"


def version(one):
    """The story with every event in the older shape."""
    return dataclasses.replace(one, name=f"{one.name} (acacia)", events=[older(e, one) for e in one.events])


def mixture(one):
    """The story with every second event in the older shape, because one endpoint can receive several versions."""
    ids = [event["id"] for event in one.distinct()][::2]
    events = [older(event, one) if event["id"] in ids else event for event in one.events]
    return dataclasses.replace(one, name=f"{one.name} (mixed)", events=events)


def older(event, one):
    event = copy.deepcopy(event)
    event["api_version"] = VERSION
    thing = event["data"]["object"]
    change = SHAPES.get(thing.get("object"))
    if change:
        change(thing, paid_invoices(one))
    return event


def paid_invoices(one):
    """{payment intent: invoice} and {charge: invoice}, as far as the story has them."""
    links = {}
    for event in one.events:
        thing = event.get("data", {}).get("object", {})
        if thing.get("object") == "invoice":
            for part in (thing.get("payments") or {}).get("data", []):
                links[part["payment"]["payment_intent"]] = thing["id"]
        if thing.get("object") == "checkout.session" and thing.get("payment_intent") and thing.get("invoice"):
            links[thing["payment_intent"]] = thing["invoice"]
    return links


def subscription(thing, _):
    items = thing["items"]["data"]
    starts = [item.pop("current_period_start") for item in items]
    ends = [item.pop("current_period_end") for item in items]
    thing["current_period_start"], thing["current_period_end"] = min(starts), max(ends)


def invoice(thing, links):
    parent = thing.pop("parent", None) or {}
    details = parent.get("subscription_details") or {}
    thing["subscription"] = details.get("subscription")
    thing["subscription_details"] = {"metadata": details.get("metadata")} if details else None
    payments = (thing.pop("payments", None) or {}).get("data", [])
    thing["payment_intent"] = payments[0]["payment"]["payment_intent"] if payments else None
    thing["charge"] = None
    thing["paid"] = thing["status"] == "paid"
    for line in thing["lines"]["data"]:
        pricing = (line.pop("pricing", None) or {}).get("price_details") or {}
        line_parent = line.pop("parent", None) or {}
        item = line_parent.get("subscription_item_details") or line_parent.get("invoice_item_details") or {}
        line["price"] = {"id": pricing.get("price"), "object": "price", "product": pricing.get("product")}
        line["plan"] = {"id": pricing.get("price"), "object": "plan", "product": pricing.get("product")}
        line["proration"] = item.get("proration", False)
        line["subscription"] = item.get("subscription")


def intent(thing, links):
    thing["invoice"] = links.get(thing["id"])


def charge(thing, links):
    thing["invoice"] = links.get(thing.get("payment_intent"))


SHAPES = {"subscription": subscription, "invoice": invoice, "payment_intent": intent, "charge": charge}
