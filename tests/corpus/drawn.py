"""Stories drawn at random: few objects that share few ids, a few seconds apart, so that they meet in every way. Their ends
are not known, but every order must have the same end. What Stripe never changes in an object (its owner, what it pays for)
is drawn once for each object of a story, everything else for each event."""

import random

import generated as g
from story import Story


# Objects with letter a belong to a one-time checkout, those with letter b to a subscription; in_a belongs to a subscription without a
# checkout. Objects with letter c belong to another Stripe session, which was made for the local session of a.
NUMBERS = {"a": 1, "b": 2, "c": 1}
MODES = ("payment", "subscription")
INVOICES = {"a": "in_c", "b": "in_b", "c": "in_d"}


ORDER = "99999999-0000-4000-8000-000000000001"
ORDERED = f"""
    insert into public.orders (id, user_id, amount, currency) values ('{ORDER}', 'u_1001', 2000, 'usd');
    select payments.set_credit_benefit('test', 'price_a', 500);
    select payments.set_entitlement_benefit('test', 'price_a', 'course', '1 year');
"""


class Draw(random.Random):
    """A random generator with a memory: fixed(key, draw) is drawn once for each story."""

    def __init__(self, seed):
        super().__init__(seed)
        self.drawn = {}

    def fixed(self, key, draw):
        if key not in self.drawn:
            self.drawn[key] = draw(self)
        return self.drawn[key]


def stories(count, first=0):
    for seed in range(first, first + count):
        yield draw(seed)


def draw(seed):
    chance = Draw(seed)
    setup = ORDERED if chance.random() < 0.7 else ""
    if chance.random() < 0.3:
        setup = setup.replace("'price_a', 500", "'prod_a', 500")
    if chance.random() < 0.2 and setup:
        setup += """update public.orders set line_items = '[{"price": "price_a", "quantity": 1}]';"""
    for number in (1, 2):
        if chance.random() < 0.7:
            mode = MODES[number - 1]
            subjects = [("user", "u_1001"), ("user", "u_2"), ("team", "t_1")] + [None] * (mode == "payment")
            setup += g.local(
                number, mode, chance.choice(subjects), metadata=f'{{"order_id": "{ORDER}"}}' if number == 1 else "{}",
                stripe_id=chance.choice([None, f"cs_{'ab'[number - 1]}"]), opener=chance.choice([None, "u_1001"]))
    if chance.random() < 0.25:
        setup += """insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id)
            values ('test', 'user', 'u_admin', 'cus_a');"""
    events = []
    for number in range(chance.randint(3, 9)):
        kind = chance.choice(KINDS)
        event = kind(chance)
        event["id"] = f"evt_d{chance.randrange(16**6):06x}{number}"
        events.append(event)
    return Story(f"drawn {seed}", events, setup, adds_up=False)


def letter(chance):
    return chance.choice("aab")


def moment(chance):
    return chance.choice([60, 60, 61, 62, 90, 5000])


def maybe(chance, value, odds=0.6):
    return value if chance.random() < odds else None


def metadata(chance, number):
    stamped = g.stamped(number, MODES[number - 1])
    stamped["payments_subject_id"] = chance.choice(["u_1001", "u_1001", "u_2", "u_evil"])
    return chance.choice([stamped, stamped, {}])


def session_itself(chance, own):
    """What never changes in a session. Stripe gives each its own payment intent and invoice."""
    number = NUMBERS[own]
    mode = MODES[number - 1]
    return {
        "mode": mode, "customer": maybe(chance, f"cus_{letter(chance)}"),
        "payment_intent": maybe(chance, f"pi_{own}") if mode == "payment" else None,
        "invoice": maybe(chance, INVOICES[own]),
        "subscription": f"sub_{letter(chance)}" if mode == "subscription" else None,
        "client_reference_id": maybe(chance, g.LOCAL % number),
        "metadata": metadata(chance, number),
        "recovered_from": "cs_a" if own == "c" and chance.random() < 0.5 else None,
    }


ENDS = {
    "paid": [("completed", "complete", "paid")],
    "free": [("completed", "complete", "no_payment_required")],
    "late": [("completed", "complete", "unpaid"), ("async_payment_succeeded", "complete", "paid")],
    "failed": [("completed", "complete", "unpaid"), ("async_payment_failed", "complete", "unpaid")],
    "expired": [("expired", "expired", "unpaid")],
}


def session(chance):
    id_ = f"cs_{chance.choice('aabc')}"
    life = chance.fixed((id_, "life"), lambda c: ENDS[c.choice(sorted(ENDS))])
    kind, status, paid = chance.choice(life)
    made = 1752000000 + "ab_c".index(id_[-1])
    thing = g.session(1, id_, status=status, payment_status=paid, created=made, **chance.fixed(id_, lambda c: session_itself(c, id_[-1])))
    time = 60 if kind == "completed" else chance.choice([60, 61, 5000])
    return g.event(f"checkout.session.{kind}", thing, time)


def intent(chance):
    id_ = f"pi_{chance.choice('aaabbc')}"
    itself = chance.fixed(id_, lambda c: {
        "metadata": metadata(c, NUMBERS[id_[-1]]), "customer": maybe(c, f"cus_{letter(c)}"), "invoice": maybe(c, INVOICES[id_[-1]], 0.2),
        "receipt_email": maybe(c, "receipt@example.com", 0.3),
    })
    kind, status, received = chance.choice([
        ("succeeded", "succeeded", 2000), ("succeeded", "succeeded", 1200), ("payment_failed", "requires_payment_method", 0),
        ("processing", "processing", 0), ("canceled", "canceled", 0),
    ])
    thing = g.intent(
        id_, status=status, amount_received=received, latest_charge=maybe(chance, f"ch_{id_[-1]}"), **itself)
    return g.event(f"payment_intent.{kind}", thing, moment(chance))


def charge(chance):
    id_ = f"ch_{letter(chance)}"
    itself = chance.fixed(id_, lambda c: {
        "metadata": metadata(c, NUMBERS[id_[-1]]), "customer": maybe(c, f"cus_{letter(c)}"),
        "payment_intent": maybe(c, f"pi_{id_[-1]}", 0.8), "invoice": maybe(c, INVOICES[id_[-1]], 0.2),
    })
    kind = chance.choice(["succeeded", "succeeded", "failed", "refunded"])
    back = chance.choice([500, 700, 2000]) if kind == "refunded" else 0
    thing = g.charge(
        id_, status="failed" if kind == "failed" else "succeeded", paid=kind != "failed", captured=kind != "failed",
        amount_refunded=back, refunded=back == 2000, **itself)
    return g.event(f"charge.{kind}", thing, moment(chance))


def refund(chance):
    id_ = f"re_{letter(chance)}"
    itself = chance.fixed(id_, lambda c: {
        "amount": c.choice([500, 700]), "charge": maybe(c, f"ch_{id_[-1]}", 0.8),
        "payment_intent": maybe(c, f"pi_{id_[-1]}", 0.8),
    })
    status = chance.choice(["pending", "succeeded", "succeeded", "failed", "canceled"])
    kind = "failed" if status == "failed" else chance.choice(["created", "updated"])
    previous = maybe(chance, {"status": "pending"}, 0.5) if kind == "updated" else None
    thing = g.refunded(id_, status=status, **itself)
    return g.event(chance.choice([f"refund.{kind}", "charge.refund.updated"]), thing, moment(chance), previous=previous)


def dispute(chance):
    kind, status = chance.choice([
        ("created", "needs_response"), ("updated", "under_review"), ("closed", "lost"), ("closed", "won"),
        ("funds_withdrawn", "needs_response"), ("funds_reinstated", "won"),
    ])
    whose = chance.fixed("dp_a", letter)
    part = chance.fixed("part of dp_a", lambda c: c.choice([2000, 2000, 500]))
    thing = g.dispute(status, charge=f"ch_{whose}", payment_intent=f"pi_{whose}", amount=part)
    return g.event(f"charge.dispute.{kind}", thing, moment(chance))


def invoice_itself(chance, id_):
    return {
        "subscription": None if id_ == "in_c" else f"sub_{letter(chance)}", "customer": maybe(chance, f"cus_{letter(chance)}", 0.9),
        "payment_intent": maybe(chance, {"in_c": "pi_a", "in_b": "pi_b"}.get(id_), 0.2),
    }


def invoice(chance):
    id_ = chance.choice(["in_a", "in_a", "in_b", "in_c"])
    kind, status = chance.choice([
        ("paid", "paid"), ("payment_succeeded", "paid"), ("payment_failed", "open"), ("finalized", "open"),
        ("voided", "void"), ("marked_uncollectible", "uncollectible"),
    ])
    thing = g.invoice(id_, status, amount_paid=1500 if status == "paid" else 0, **chance.fixed(id_, lambda c: invoice_itself(c, id_)))
    return g.event(f"invoice.{kind}", thing, moment(chance))


def invoice_payment(chance):
    id_ = f"inpay_{letter(chance)}"
    thing = g.invoice_payment(INVOICES[id_[-1]], f"pi_{id_[-1]}", id=id_)
    return g.event("invoice_payment.paid", thing, moment(chance))


def subscription(chance):
    kind, status = chance.choice([
        ("created", "incomplete"), ("created", "active"), ("updated", "active"), ("updated", "past_due"),
        ("updated", "trialing"), ("paused", "paused"), ("resumed", "active"), ("deleted", "canceled"),
    ])
    id_ = f"sub_{letter(chance)}"
    itself = chance.fixed(id_, lambda c: {"customer": f"cus_{letter(c)}", "metadata": metadata(c, 2)})
    thing = g.subscription(status, id_, end=chance.choice([2592060, 5184060]), **itself)
    thing["items"]["data"][0]["id"] = f"si_{id_[-1]}"
    previous = {"status": chance.choice(["incomplete", "active", "past_due", "trialing"])} if kind == "updated" else None
    return g.event(f"customer.subscription.{kind}", thing, moment(chance), previous=maybe(chance, previous, 0.7))


def customer(chance):
    kind = chance.choice(["created", "updated", "updated", "deleted"])
    name = chance.choice(["One", "Two", "Three"])
    previous = {"name": chance.choice(["One", "Two", "Three"])} if kind == "updated" else None
    return g.event(f"customer.{kind}", g.customer(f"cus_{letter(chance)}", name=name), moment(chance), previous=previous)


def catalog(chance):
    kind = chance.choice(["created", "updated", "deleted"])
    if chance.random() < 0.5:
        return g.event(f"product.{kind}", g.product(name=chance.choice(["One", "Two"])), moment(chance))
    return g.event(f"price.{kind}", g.price(active=chance.random() < 0.5), moment(chance))


KINDS = [
    session, session, session, intent, intent, charge, charge, refund, refund, dispute, invoice, invoice,
    invoice_payment, subscription, subscription, customer, catalog,
]
