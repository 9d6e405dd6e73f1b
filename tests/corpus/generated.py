"""Stories that the recorded ones do not cover, each named for what it is about."""

import itertools

from expected import COMPLETED, at, invoiced, paid, refund, team, user
from story import Story

LOCAL = "11111111-2222-4333-8444-%012d"
_numbers = itertools.count(1)


def event(type_, thing, created, id_=None, previous=None, **more):
    data = {"object": thing}
    if previous is not None:
        data["previous_attributes"] = previous
    return {
        "id": id_ or f"evt_g{next(_numbers):05d}", "object": "event", "api_version": "2025-06-30.basil",
        "created": 1752000000 + created, "type": type_, "livemode": False, "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None}, "data": data, **more,
    }


def stamped(number, mode="payment", **more):
    """The metadata that stripe_request adds to the objects of our own checkouts."""
    return {
        "payments_checkout_mode": mode, "payments_subject_type": "user", "payments_subject_id": "u_1001",
        "payments_checkout_session_id": LOCAL % number, **more,
    }


def local(number, mode="payment", subject=("user", "u_1001"), metadata="{}", stripe_id=None, opener=None):
    """The local session that exists before the events: one that a backend opened, or the caller `opener`."""
    kind, id_ = (f"'{part}'" for part in subject) if subject else ("null", "null")
    stripe_id = f"'{stripe_id}'" if stripe_id else "null"
    opener = f"'{opener}'" if opener else "null"
    return f"""
        insert into payments.checkout_sessions (id, environment, mode, status, payment_status, subject_type, subject_id,
            line_items, success_url, cancel_url, metadata, stripe_checkout_session_id, created_by)
        values ('{LOCAL % number}', 'test', '{mode}', 'open', 'unpaid', {kind}, {id_},
            '[{{"quantity": 1, "stripePriceId": "price_a"}}]', 'https://app.example.com/yes',
            'https://app.example.com/no', '{metadata}', {stripe_id}, {opener});
    """


def session(number, id_="cs_a", **more):
    return {
        "id": id_, "object": "checkout.session", "mode": "payment", "status": "complete", "payment_status": "paid",
        "amount_subtotal": 2000, "amount_total": 2000, "currency": "usd", "customer": "cus_a",
        "client_reference_id": (LOCAL % number) if number else None, "created": 1752000000, "livemode": False,
        "customer_details": {"email": "buyer@example.com"}, "customer_email": None, "payment_intent": "pi_a",
        "invoice": None, "subscription": None, "currency_conversion": None,
        "metadata": stamped(number) if number else {}, **more,
    }


def intent(id_="pi_a", metadata=None, **more):
    return {
        "id": id_, "object": "payment_intent", "amount": 2000, "amount_received": 2000, "currency": "usd",
        "customer": "cus_a", "created": 1752000010, "latest_charge": "ch_a", "livemode": False,
        "metadata": metadata or {}, "status": "succeeded", "receipt_email": None, "description": None, **more,
    }


def charge(id_="ch_a", metadata=None, **more):
    return {
        "id": id_, "object": "charge", "amount": 2000, "amount_captured": 2000, "amount_refunded": 0, "currency": "usd",
        "customer": "cus_a", "created": 1752000011, "payment_intent": "pi_a", "paid": True, "captured": True,
        "refunded": False, "status": "succeeded", "livemode": False, "metadata": metadata or {}, "disputed": False,
        "billing_details": {"email": "charge@example.com"}, "receipt_email": None, "description": None, **more,
    }


def refunded(id_="re_a", amount=700, status="succeeded", **more):
    return {
        "id": id_, "object": "refund", "amount": amount, "charge": "ch_a", "payment_intent": "pi_a", "currency": "usd",
        "created": 1752005000, "status": status, "reason": None, "metadata": {}, **more,
    }


def dispute(status, **more):
    return {
        "id": "dp_a", "object": "dispute", "amount": 2000, "charge": "ch_a", "payment_intent": "pi_a",
        "currency": "usd", "created": 1752006000, "status": status, "reason": "fraudulent", "metadata": {},
        "livemode": False, **more,
    }


def invoice(id_="in_a", status="paid", subscription="sub_a", **more):
    details = {"subscription": subscription, "metadata": {}}
    parent = {"type": "subscription_details", "quote_details": None, "subscription_details": details}
    return {
        "id": id_, "object": "invoice", "status": status, "amount_due": 1500, "amount_paid": 1500, "total": 1500,
        "currency": "usd", "customer": "cus_a", "customer_email": "owner@example.com", "created": 1752000060,
        "billing_reason": "subscription_create", "description": None, "livemode": False, "metadata": {},
        "parent": parent if subscription else None,
        "status_transitions": {"paid_at": 1752000061 if status == "paid" else None, "finalized_at": 1752000060},
        "lines": {"object": "list", "has_more": False, "data": [{
            "id": "il_a", "object": "line_item", "amount": 1500, "currency": "usd", "description": "1 × Pro",
            "pricing": {"type": "price_details", "price_details": {"price": "price_a", "product": "prod_a"}},
            "parent": {"type": "subscription_item_details", "subscription_item_details": {
                "proration": False, "subscription": subscription, "subscription_item": "si_a"}},
        }]},
        **more,
    }


def invoice_payment(invoice_id="in_a", intent_id="pi_a", **more):
    return {
        "id": "inpay_a", "object": "invoice_payment", "invoice": invoice_id, "amount_paid": 1500, "status": "paid",
        "amount_requested": 1500, "currency": "usd", "created": 1752000061, "is_default": True, "livemode": False,
        "payment": {"type": "payment_intent", "payment_intent": intent_id},
        "status_transitions": {"paid_at": 1752000061, "canceled_at": None}, **more,
    }


def subscription(status="active", id_="sub_a", start=60, end=2592060, items=None, **more):
    return {
        "id": id_, "object": "subscription", "status": status, "customer": "cus_a", "cancel_at": None,
        "cancel_at_period_end": False, "canceled_at": None, "created": 1752000060, "currency": "usd",
        "latest_invoice": "in_a", "livemode": False, "metadata": {}, "trial_start": None, "trial_end": None,
        "items": {"object": "list", "has_more": False, "data": items or [{
            "id": "si_a", "object": "subscription_item", "quantity": 1, "subscription": id_, "metadata": {},
            "current_period_start": 1752000000 + start, "current_period_end": 1752000000 + end,
            "price": {"id": "price_a", "object": "price", "product": "prod_a", "currency": "usd"},
        }]},
        **more,
    }


def customer(id_="cus_a", **more):
    return {
        "id": id_, "object": "customer", "email": "owner@example.com", "name": "Owner", "phone": None,
        "created": 1752000000, "livemode": False, "metadata": {}, **more,
    }


def product(**more):
    return {
        "id": "prod_a", "object": "product", "name": "Pro", "description": None, "active": True, "livemode": False,
        "default_price": "price_a", "metadata": {}, "created": 1752000000, "updated": 1752000000, **more,
    }


def price(**more):
    return {
        "id": "price_a", "object": "price", "product": "prod_a", "active": True, "currency": "usd", "livemode": False,
        "unit_amount": 1500, "unit_amount_decimal": "1500", "type": "recurring", "lookup_key": None,
        "billing_scheme": "per_unit", "tax_behavior": "unspecified", "metadata": {}, "created": 1752000000,
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"}, **more,
    }


def subscription_session(number, **more):
    return session(
        number, mode="subscription", payment_intent=None, invoice="in_a", subscription="sub_a", amount_subtotal=1500,
        amount_total=1500, metadata=stamped(number, "subscription"), **more,
    )


def stories():
    yield from money()
    yield from giving_back()
    yield from mirrors()
    yield from subjects()
    yield from shapes()


def money():
    yield Story(
        "one payment told through an invoice payment", [
            event("payment_intent.succeeded", intent(amount=1500, amount_received=1500), 61),
            event("charge.succeeded", charge(amount=1500, amount_captured=1500), 61),
            event("invoice.paid", invoice(), 62),
            event("invoice_payment.paid", invoice_payment(), 62),
            event("checkout.session.completed", subscription_session(1), 63),
        ],
        local(1, "subscription"),
        {"payment_history": [user(**invoiced(
            stripe_payment_intent_id="pi_a", stripe_charge_id="ch_a", stripe_invoice_id="in_a",
            stripe_checkout_session_id="cs_a", stripe_subscription_id="sub_a", stripe_price_id="price_a",
            paid_at=(at(61),), customer_email_snapshot="buyer@example.com",
        ))]},
    )
    yield Story(
        "a charge of an invoice is refunded before anything links them", [
            event("charge.succeeded", charge(amount=1500, amount_captured=1500), 61),
            event("invoice.paid", invoice(), 62),
            event("refund.created", refunded(amount=500), 5000),
            event("invoice_payment.paid", invoice_payment(), 62),
            event("payment_intent.succeeded", intent(amount=1500, amount_received=1500), 61),
        ],
        expected={"payment_history": [
            {**invoiced(), "status": "partially_refunded", "amount_refunded": 500, "stripe_charge_id": "ch_a"},
            refund(500),
        ]},
    )
    yield Story(
        "an invoice made by a one-time checkout", [
            event("payment_intent.succeeded", intent(metadata=stamped(1)), 62),
            event("invoice.paid", invoice(subscription=None, amount_paid=2000, total=2000, amount_due=2000), 62),
            event("invoice_payment.paid", invoice_payment(amount_paid=2000), 62),
            event("checkout.session.completed", session(1, invoice="in_a"), 63),
            event("charge.succeeded", charge(metadata=stamped(1)), 62),
        ],
        local(1, stripe_id="cs_a"),
        {"payment_history": [user(**paid(
            stripe_payment_intent_id="pi_a", stripe_invoice_id="in_a", stripe_checkout_session_id="cs_a"))]},
    )
    yield Story(
        "somebody else's intent and charge make no row", [
            event("payment_intent.succeeded", intent(), 62),
            event("charge.succeeded", charge(), 62),
            event("payment_intent.payment_failed", intent("pi_b", status="requires_payment_method"), 63),
        ],
        expected={"payment_history": []},
    )
    yield Story(
        "a payment link's session is recorded, without a local row", [
            event("checkout.session.completed", session(None), 63),
            event("payment_intent.succeeded", intent(), 62),
        ],
        expected={"payment_history": [paid(stripe_checkout_session_id="cs_a", paid_at=at(62))], "checkout_sessions": []},
    )
    yield Story(
        "completed comes after async_payment_succeeded", [
            event("checkout.session.async_payment_succeeded", session(1), 5000),
            event("checkout.session.completed", session(1, payment_status="unpaid"), 63),
            event("payment_intent.processing", intent(
                metadata=stamped(1), status="processing", amount_received=0, latest_charge=None), 62),
        ],
        local(1),
        {"payment_history": [user(**paid(paid_at=at(5000)))],
         "checkout_sessions": [{**COMPLETED, "stripe_checkout_session_id": "cs_a"}]},
    )
    yield Story(
        "unpaid so far", [
            event("checkout.session.completed", session(1, payment_status="unpaid"), 63),
            event("payment_intent.processing", intent(
                metadata=stamped(1), status="processing", amount_received=0, latest_charge=None), 62),
        ],
        local(1),
        {"payment_history": [user(type="one_time_payment", status="pending", paid_at=None, amount=2000)]},
    )
    yield Story(
        "two declined cards, then a good one", [
            event("payment_intent.payment_failed", intent(
                metadata=stamped(1), status="requires_payment_method", amount_received=0, latest_charge="ch_1"), 20),
            event("charge.failed", charge("ch_1", stamped(1), status="failed", paid=False, captured=False), 20),
            event("charge.failed", charge("ch_2", stamped(1), status="failed", paid=False, captured=False), 40),
            event("charge.succeeded", charge("ch_a", stamped(1)), 60),
            event("payment_intent.succeeded", intent(metadata=stamped(1)), 60),
        ],
        local(1),
        {"payment_history": [user(**paid(stripe_charge_id="ch_a", paid_at=at(60)))]},
    )
    yield Story(
        "an uncollectible invoice is paid after all", [
            event("invoice.payment_failed", invoice(status="open", amount_paid=0), 70),
            event("invoice.marked_uncollectible", invoice(status="uncollectible", amount_paid=0), 500),
            event("invoice.paid", invoice(status_transitions={"paid_at": 1752000900}), 901),
            event("invoice.finalized", invoice(status="open", amount_paid=0), 60),
        ],
        expected={"payment_history": [invoiced(paid_at=at(900))]},
    )
    yield Story(
        "an invoice is voided after a failed try", [
            event("invoice.finalized", invoice(status="open", amount_paid=0), 60),
            event("invoice.payment_failed", invoice(status="open", amount_paid=0), 70),
            event("invoice.voided", invoice(status="void", amount_paid=0), 500),
        ],
        expected={"payment_history": [{"type": "subscription_invoice", "status": "failed", "amount": 1500}]},
    )
    yield Story(
        "the customer paid in another currency", [
            event("checkout.session.completed", session(
                1, currency="eur", amount_total=1850, amount_subtotal=1850,
                currency_conversion={"amount_total": 2000, "amount_subtotal": 2000, "fx_rate": "0.925",
                                     "source_currency": "usd"}), 63),
            event("payment_intent.succeeded", intent(
                metadata=stamped(1), currency="eur", amount=1850, amount_received=1850), 62),
            event("charge.succeeded", charge(metadata=stamped(1), currency="eur", amount=1850), 62),
        ],
        local(1),
        {"payment_history": [user(**paid(2000, currency="usd"))]},
    )
    yield Story(
        "twelve digits and no minor unit", [
            event("checkout.session.completed", session(
                1, currency="jpy", amount_total=999999999999, amount_subtotal=999999999999), 63),
            event("payment_intent.succeeded", intent(
                metadata=stamped(1), currency="jpy", amount=999999999999, amount_received=999999999999), 62),
        ],
        local(1),
        {"payment_history": [user(**paid(999999999999, currency="jpy"))]},
    )


def giving_back():
    payment = [
        event("payment_intent.succeeded", intent(metadata=stamped(1)), 62),
        event("checkout.session.completed", session(1), 63),
    ]
    yield Story(
        "refunds of the older family, one of which fails", [
            *payment,
            event("charge.refunded", charge(metadata=stamped(1), amount_refunded=1200), 5000,
                  previous={"amount_refunded": 0}),
            event("charge.refund.updated", refunded("re_b", 500, "failed"), 9000, previous={"status": "succeeded"}),
        ],
        local(1),
        {"payment_history": [
            user(**{**paid(), "status": "partially_refunded", "amount_refunded": 700}), refund(500, "failed"),
        ]},
    )
    yield Story(
        "two refunds, of which one is cancelled in the end", [
            *payment,
            event("refund.created", refunded("re_a", 700), 5000),
            event("refund.created", refunded("re_b", 1300, "pending", created=1752005500), 5500),
            event("charge.refunded", charge(metadata=stamped(1), amount_refunded=2000, refunded=True), 5500),
            event("refund.updated", refunded("re_b", 1300, "canceled", created=1752005500), 9000),
        ],
        local(1),
        {"payment_history": [
            user(**{**paid(), "status": "partially_refunded", "amount_refunded": 700}),
            refund(700), refund(1300, "canceled"),
        ]},
    )
    yield Story(
        "a refund that fails within the second it was made", [
            *payment,
            event("refund.created", refunded(status="pending"), 5000, "evt_z1"),
            event("refund.updated", refunded(status="succeeded"), 5000, "evt_m1", {"status": "pending"}),
            event("refund.failed", refunded(status="failed"), 5000, "evt_a1"),
        ],
        local(1),
        {"payment_history": [user(**paid(refunded_at=None)), refund(700, "failed")]},
    )
    for end, status in (("lost", "lost"), ("won", "won")):
        yield Story(
            f"a dispute is {end}", [
                *payment,
                event("charge.dispute.created", dispute("needs_response"), 6000),
                event("charge.dispute.funds_withdrawn", dispute("needs_response"), 6000),
                event("charge.dispute.updated", dispute("under_review"), 7000, previous={"status": "needs_response"}),
                event("charge.dispute.closed", dispute(status), 8000),
                event("charge.succeeded", charge(metadata=stamped(1)), 62),
            ],
            local(1),
            {"payment_history": [
                user(**{**paid(), "dispute_status": end}), {"type": "dispute", "amount": 2000, "status": end},
            ]},
        )
    yield Story(
        "a refund of nobody knows what has its row", [
            event("refund.created", refunded(), 5000), event("refund.updated", refunded(), 6000),
        ],
        expected={"payment_history": [refund(700, stripe_charge_id="ch_a")]},
    )


def mirrors():
    yield Story(
        "updates of one second follow their previous values, not their ids", [
            event("customer.subscription.created", subscription("incomplete"), 60, "evt_t4"),
            event("customer.subscription.updated", subscription("active"), 60, "evt_t3", {"status": "incomplete"}),
            event("customer.subscription.updated", subscription("past_due"), 60, "evt_t2", {"status": "active"}),
            event("customer.subscription.updated", subscription("unpaid"), 60, "evt_t1", {"status": "past_due"}),
        ],
        expected={"subscriptions": [{"status": "unpaid"}], "subscription_items": [{"quantity": 1}]},
    )
    yield Story(
        "deleted stays deleted", [
            event("customer.subscription.deleted", subscription("canceled", canceled_at=1752000100), 100),
            event("customer.subscription.updated", subscription("active"), 100, "evt_zz"),
            event("customer.subscription.updated", subscription("active"), 101, "evt_zzz"),
            event("customer.subscription.created", subscription("active"), 60),
        ],
        expected={"subscriptions": [{"status": "canceled", "canceled_at": at(100)}]},
    )
    yield Story(
        "a customer deleted between two updates", [
            event("customer.created", customer(email="1@example.com"), 1),
            event("customer.updated", customer(email="2@example.com"), 50, previous={"email": "1@example.com"}),
            event("customer.deleted", customer(email="2@example.com"), 60),
            event("customer.updated", customer(email="3@example.com"), 70, previous={"email": "2@example.com"}),
        ],
        expected={"customers": [{"deleted": True, "stripe_customer_id": "cus_a"}]},
    )
    yield Story(
        "catalog", [
            event("product.created", product(name="Old"), 1),
            event("price.created", price(active=True), 1),
            event("product.updated", product(name="New"), 1, previous={"name": "Old"}),
            event("price.updated", price(active=False), 5, previous={"active": True}),
            event("price.updated", price(active=True, lookup_key="pro"), 5, "evt_0",
                  {"active": False, "lookup_key": None}),
        ],
        expected={"products": [{"name": "New"}], "prices": [{
            "active": True, "lookup_key": "pro", "recurring_interval": "month", "recurring_interval_count": 1,
            "unit_amount": 1500}]},
    )
    yield Story(
        "a product and a price are deleted", [
            event("product.created", product(), 1), event("price.created", price(), 1),
            event("price.deleted", price(), 9), event("product.deleted", product(), 10),
            event("product.updated", product(name="Late"), 11),
        ],
    )
    yield Story(
        "an item is swapped for another within a second", [
            event("customer.subscription.created", subscription(), 60, "evt_i2"),
            event("customer.subscription.updated", subscription(items=[{
                "id": "si_b", "object": "subscription_item", "quantity": 3, "subscription": "sub_a", "metadata": {},
                "current_period_start": 1752000060, "current_period_end": 1752999999,
                "price": {"id": "price_b", "object": "price", "product": "prod_b"},
            }]), 60, "evt_i1", {"items": {}}),
        ],
        expected={"subscription_items": [{"stripe_subscription_item_id": "si_b", "quantity": 3}],
                  "subscriptions": [{"current_period_end": at(999999)}]},
    )


def subjects():
    yield Story(
        "two subjects claim one customer: the earliest evidence stands", [
            event("checkout.session.completed", session(1, "cs_a", payment_intent="pi_1"), 63),
            event("checkout.session.completed", session(
                2, "cs_b", payment_intent="pi_2",
                metadata={**stamped(2), "payments_subject_id": "u_2"}), 64),
        ],
        local(1) + local(2, subject=("user", "u_2")),
        {"stripe_customer_mappings": [user(stripe_customer_id="cus_a")], "payment_history": [
            user(**paid()), paid(subject_type="user", subject_id="u_2"),
        ]},
    )
    yield Story(
        "one subject, three customers, within one second", [
            event("checkout.session.completed", session(n, f"cs_{n}", payment_intent=f"pi_{n}", customer=f"cus_{n}"),
                  63, f"evt_s{4 - n}")
            for n in (1, 2, 3)
        ],
        local(1) + local(2) + local(3),
        {"stripe_customer_mappings": [user(stripe_customer_id="cus_3")]},
    )
    yield Story(
        "an admin's own mapping stands above evidence", [
            event("checkout.session.completed", session(1), 63),
        ],
        local(1) + """insert into payments.stripe_customer_mappings
            (environment, subject_type, subject_id, stripe_customer_id) values ('test', 'user', 'u_1001', 'cus_admin');""",
        {"stripe_customer_mappings": [user(stripe_customer_id="cus_admin")]},
    )
    yield Story(
        "metadata that names another's subject makes no mapping", [
            event("checkout.session.completed", session(
                1, metadata={**stamped(1), "payments_subject_id": "u_victim"}), 63),
        ],
        local(1),
        {"stripe_customer_mappings": []},
    )
    yield Story(
        "a late mapping attributes everything earlier", [
            event("customer.subscription.created", subscription(), 61),
            event("invoice.paid", invoice(), 62),
            event("invoice.paid", invoice("in_b", subscription="sub_b"), 99),
            event("checkout.session.completed", subscription_session(1), 200),
        ],
        local(1, "subscription"),
        {"subscriptions": [user(status="active")],
         "payment_history": [user(**invoiced()), user(**invoiced())],
         "stripe_customer_mappings": [user(stripe_customer_id="cus_a")]},
    )
    yield Story(
        "the customer is deleted, whatever was mapped", [
            event("checkout.session.completed", session(1), 63),
            event("customer.deleted", customer(), 500),
            event("invoice.paid", invoice(), 62),
        ],
        local(1),
        {"stripe_customer_mappings": [], "customers": [{"deleted": True}]},
    )

    yield Story(
        "the customer that stood is deleted, and the refused one stands without a note", [
            event("checkout.session.completed", session(1, "cs_a", payment_intent="pi_1", customer="cus_1"), 63),
            event("checkout.session.completed", session(2, "cs_b", payment_intent="pi_2", customer="cus_2"), 64),
            event("customer.deleted", customer("cus_1"), 500),
        ],
        local(1) + local(2),
        {"stripe_customer_mappings": [user(stripe_customer_id="cus_2")]},
    )
    yield Story(
        "the customer that was refused is deleted, and its note with it", [
            event("checkout.session.completed", session(1, "cs_a", payment_intent="pi_1", customer="cus_1"), 63),
            event("checkout.session.completed", session(2, "cs_b", payment_intent="pi_2", customer="cus_2"), 64),
            event("customer.deleted", customer("cus_2"), 500),
        ],
        local(1) + local(2),
        {"stripe_customer_mappings": [user(stripe_customer_id="cus_1")]},
    )
    yield Story(
        "the admin's customer is deleted, and evidence stands again", [
            event("checkout.session.completed", session(1), 63),
            event("customer.deleted", customer("cus_admin"), 500),
        ],
        local(1) + """insert into payments.stripe_customer_mappings
            (environment, subject_type, subject_id, stripe_customer_id) values ('test', 'user', 'u_1001', 'cus_admin');""",
        {"stripe_customer_mappings": [user(stripe_customer_id="cus_a")]},
    )
    yield Story(
        "what a payer wrote into client_reference_id names no local row", [
            event("checkout.session.completed", session(1, "cs_a", metadata={}), 63),
            event("payment_intent.succeeded", intent(), 62),
            event("checkout.session.completed", session(
                1, "cs_b", payment_intent="pi_b", metadata={"insforge_checkout_session_id": LOCAL % 99}), 64),
        ],
        local(1),
        {"payment_history": [paid(subject_type=None), paid(subject_type=None)], "checkout_sessions": [{"status": "open"}],
         "stripe_customer_mappings": []},
    )


def shapes():
    yield Story(
        "expanded objects where ids are expected", [
            event("checkout.session.completed", session(
                1, payment_intent=intent(), customer=customer(), invoice=None), 63),
            event("payment_intent.succeeded", intent(
                metadata=stamped(1), customer=customer(), latest_charge=charge()), 62),
            event("charge.succeeded", charge(metadata=stamped(1), payment_intent=intent(), customer=customer()), 62),
            event("refund.created", refunded(charge=charge(), payment_intent=intent()), 5000),
        ],
        local(1),
        {"payment_history": [
            user(**{**paid(stripe_charge_id="ch_a"), "status": "partially_refunded", "amount_refunded": 700}),
            refund(700, stripe_payment_intent_id="pi_a", stripe_charge_id="ch_a"),
        ]},
    )
    yield Story(
        "any Unicode", [
            event("customer.created", customer(name="Zoë 💳 \u202e ﷽", email="zoë@example.com"), 1),
            event("product.created", product(name="\"quoted\" \\ and \u00a0 'more'"), 1),
        ],
        expected={"customers": [{"name": "Zoë 💳 \u202e ﷽"}]},
    )
    yield Story(
        "another connected account's events are none of ours", [
            event("checkout.session.completed", session(1), 63, account="acct_other"),
            event("payment_intent.succeeded", intent(metadata=stamped(1)), 62, account="acct_other"),
        ],
        local(1) + """insert into payments.stripe_connections (environment, stripe_account_id, status)
            values ('test', 'acct_own', 'connected');""",
        {"payment_history": [], "checkout_sessions": [{"status": "open"}]},
    )
    yield Story(
        "as long as nobody has said which account is the own one, any that is named is another's", [
            event("checkout.session.completed", session(1), 63, account="acct_own"),
            event("payment_intent.succeeded", intent(metadata=stamped(1)), 62, context="acct_own"),
        ],
        local(1), {"payment_history": [], "checkout_sessions": [{"status": "open"}]},
    )
    yield Story(
        "events that name the own account are the own ones", [
            event("checkout.session.completed", session(1), 63, account="acct_own"),
            event("payment_intent.succeeded", intent(metadata=stamped(1)), 62, context="acct_own"),
            event("refund.created", refunded(), 5000, account="acct_own", context="acct_other"),
        ],
        local(1) + "select payments.set_stripe_account('test', 'acct_own');",
        {"payment_history": [user(**paid())], "checkout_sessions": [{"status": "completed"}]},
    )
    yield Story(
        "an event that tells nothing new", [
            event("checkout.session.completed", session(1), 63),
            event("invoice.upcoming", {"object": "invoice", "status": "draft"}, 70),
            event("entitlements.active_entitlement_summary.updated", {
                "object": "entitlements.active_entitlement_summary", "customer": "cus_a", "livemode": False,
                "entitlements": {"object": "list", "data": [{
                    "id": "ent_a", "object": "entitlements.active_entitlement", "feature": "feat_a",
                    "livemode": False, "lookup_key": "exports"}], "has_more": False, "url": "/v1"}}, 80),
        ],
        local(1),
        {"payment_history": [user(**paid())]},
    )
    yield Story(
        "time zero is a time", [
            event("customer.subscription.created", subscription(
                "trialing", start=-1752000000, end=60, trial_start=0, trial_end=1752000060), 61),
        ],
        expected={"subscriptions": [{"current_period_start": "1970-01-01T00:00:00+00:00",
                                     "trial_start": "1970-01-01T00:00:00+00:00"}]},
    )
