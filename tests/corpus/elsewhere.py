"""Stories of money from elsewhere: payments that no local session asked for, and rows that another backend wrote."""

from bought import COURSE, CREDITS, ordered
from expected import at, paid, refund, user
from generated import charge, dispute, event, intent, invoice, invoice_payment, local, refunded, session
from story import Story


def stories():
    yield from unclaimed()
    yield from purposeless()
    yield from adopted()


def unclaimed():
    yield Story(
        "nothing claims an intent", [event("payment_intent.succeeded", intent(), 62), event("charge.succeeded", charge(), 62)],
        expected={"payment_history": []}, hides="neither",
    )
    yield Story(
        "nothing claims an intent that names an order, of which a part goes back", [
            event("payment_intent.succeeded", intent(metadata={"order_id": "7"}), 62),
            event("charge.succeeded", charge(metadata={"order_id": "7"}), 62),
            event("refund.created", refunded(amount=700), 5000),
            event("charge.refunded", charge(amount_refunded=700, metadata={"order_id": "7"}), 5000),
        ],
        expected={"payment_history": [refund(700)]}, hides="though its metadata names the order 7",
    )
    yield Story(
        "nothing claims a charge, which is lost in part", [
            event("charge.succeeded", charge(payment_intent=None), 62),
            event("charge.dispute.closed", dispute("lost", amount=500, payment_intent=None), 8000),
        ],
        expected={"payment_history": [{"type": "dispute"}]}, hides="neither",
    )
    yield Story(
        "a session claims an intent late", [
            event("payment_intent.succeeded", intent(), 62), event("charge.succeeded", charge(), 62),
            event("refund.created", refunded(amount=700), 5000),
            event("checkout.session.completed", session(None), 90000),
        ],
        expected={"payment_history": [
            {**paid(), "status": "partially_refunded", "amount_refunded": 700}, refund(700)]},
        hides="was not made here",
    )
    yield Story(
        "an intent is probably what paid an invoice", [
            event("payment_intent.succeeded", intent(amount=1500, amount_received=1500), 62),
            event("invoice.paid", invoice(), 62),
        ],
        expected={"payment_history": [{"type": "subscription_invoice", "stripe_payment_intent_id": None}]},
        hides="it is probably what paid the invoice in_a",
    )
    yield Story(
        "an intent paid an invoice, as is told late", [
            event("payment_intent.succeeded", intent(amount=1500, amount_received=1500), 62),
            event("invoice.paid", invoice(), 62), event("invoice_payment.paid", invoice_payment(), 90000),
        ],
        expected={"payment_history": [{"type": "subscription_invoice", "stripe_payment_intent_id": "pi_a"}]},
    )


def purposeless():
    completed = event("checkout.session.completed", session(1), 63)
    yield Story(
        "a checkout whose order was forgotten", [completed, event("refund.created", refunded(amount=700), 5000)], local(1),
        {"payment_history": [user(**{**paid(), "status": "partially_refunded", "amount_refunded": 700}), refund(700)]},
        hides="its checkout session names no order",
    )
    yield Story(
        "a checkout of an order that is not there", [completed, event("charge.succeeded", charge(), 62)], ordered(1, 9),
        {"payment_history": [user(**paid())]}, hides="no order has the id",
    )


def written(type_="one_time_payment", **columns):
    """An INSERT of a payment's row, as another backend writes it."""
    columns = {
        "environment": "test", "type": type_, "status": "succeeded", "amount": 2000, "currency": "usd", "paid_at": "2025-07-01 12:00:00+00",
        "description": "written elsewhere", **columns,
    }
    values = ", ".join("null" if value is None else f"'{value}'" for value in columns.values())
    return f"insert into payments.payment_history ({', '.join(columns)}) values ({values});"


ROW = {"type": "one_time_payment", "amount": 2000, "description": "written elsewhere", "paid_at": "2025-07-01T12:00:00+00:00"}


def adopted():
    mine = CREDITS + COURSE + local(1, stripe_id="cs_a")
    ids = {"stripe_checkout_session_id": "cs_a", "stripe_payment_intent_id": "pi_a", "stripe_charge_id": "ch_a"}
    yield Story(
        "another backend's payment is refunded in part", [
            event("refund.created", refunded(amount=500), 5000),
            event("charge.refunded", charge(amount_refunded=500), 5000), event("payment_intent.succeeded", intent(), 62),
        ],
        mine + written(**ids),
        {"payment_history": [
            {**ROW, "status": "partially_refunded", "amount_refunded": 500, "refunded_at": at(5000)}, refund(500)],
         "balances": [" user u_1001: 375"]},
    )
    yield Story(
        "another backend's payment is refunded by its charge alone", [event("charge.refunded", charge(amount_refunded=2000, refunded=True), 5000)],
        mine + written(**ids),
        {"payment_history": [{**ROW, "status": "refunded", "amount_refunded": 2000}], "balances": [],
         "public.user_entitlements": [{"key": "course", "active": False}]},
    )
    yield Story(
        "another backend's payment is refunded in vain, and its session is told late", [
            event("refund.created", refunded(amount=500, status="pending"), 5000),
            event("charge.refunded", charge(amount_refunded=500), 5000),
            event("refund.failed", refunded(amount=500, status="failed"), 9000),
            event("checkout.session.completed", session(1), 63),
        ],
        mine + written(**{**ids, "stripe_charge_id": None}),
        {"payment_history": [{**ROW, "status": "succeeded", "amount_refunded": 0, "stripe_customer_id": "cus_a"}, refund(500, "failed")],
         "balances": [" user u_1001: 500"]},
    )
    yield Story(
        "another backend's payment is disputed by its charge, and refunded by its intent", [
            event("charge.dispute.closed", dispute("lost", amount=500, payment_intent=None), 8000),
            event("refund.created", refunded(amount=500, charge=None), 5000),
        ],
        mine + written(**ids),
        {"payment_history": [
            {**ROW, "status": "partially_refunded", "amount_refunded": 500, "dispute_status": "lost", "amount_lost": 500},
            refund(500), {"type": "dispute"}],
         "balances": [" user u_1001: 250"]},
    )
    yield from adopted_with_more()


def adopted_with_more():
    mine = CREDITS + COURSE + local(1, stripe_id="cs_a")
    ids = {"stripe_checkout_session_id": "cs_a", "stripe_payment_intent_id": "pi_a", "stripe_charge_id": "ch_a"}
    yield Story(
        "another backend's payment had been refunded before", [event("refund.created", refunded(amount=200), 5000)],
        mine + written(**ids, amount_refunded=800) .replace("'succeeded'", "'partially_refunded'"),
        {"payment_history": [{**ROW, "status": "partially_refunded", "amount_refunded": 800}, refund(200)],
         "balances": [" user u_1001: 300"]},
    )
    yield Story(
        "another backend's payment of a session that is told with its refund", [
            event("checkout.session.completed", session(1), 63), event("refund.created", refunded(amount=500), 5000),
        ],
        mine + written(stripe_checkout_session_id="cs_a", subject_type="user", subject_id="u_1001"),
        {"payment_history": [
            user(**{**ROW, "status": "partially_refunded", "amount_refunded": 500, "stripe_payment_intent_id": "pi_a"}), refund(500)],
         "balances": [" user u_1001: 375"]},
    )
    yield Story(
        "another backend's payment by an invoice's charge", [
            event("refund.created", refunded(amount=500), 5000), event("invoice_payment.paid", invoice_payment(amount_paid=2000), 62),
        ],
        written("subscription_invoice", stripe_invoice_id="in_a", stripe_charge_id="ch_a", stripe_subscription_id="sub_a"),
        {"payment_history": [
            {**ROW, "type": "subscription_invoice", "status": "partially_refunded", "amount_refunded": 500,
             "stripe_payment_intent_id": "pi_a", "stripe_subscription_id": "sub_a"}, refund(500)]},
    )
    yield Story(
        "another backend's payment without a session gives nothing", [event("refund.created", refunded(amount=500), 5000)],
        written(stripe_payment_intent_id="pi_a"),
        {"payment_history": [{**ROW, "status": "partially_refunded", "amount_refunded": 500}, refund(500)]},
        hides="another backend wrote this payment",
    )
