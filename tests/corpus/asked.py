"""Stories of reviews, which ask a person about a payment: credit notes that refund nothing, and fraud warnings."""

from expected import at, invoiced, paid, refund, user
from generated import charge, dispute, event, intent, invoice, invoice_payment, local, refunded, session, stamped
from story import Story


def credit_note(status="issued", **more):
    return {
        "id": "cn_a", "object": "credit_note", "invoice": "in_a", "customer": "cus_a", "status": status,
        "type": "post_payment", "amount": 500, "total": 500, "post_payment_amount": 500, "pre_payment_amount": 0,
        "refunds": [], "customer_balance_transaction": "cbtxn_a", "out_of_band_amount": None, "currency": "usd",
        "reason": "order_change", "memo": None, "created": 1752004000, "livemode": False, **more,
    }


def warning(**more):
    return {
        "id": "issfr_a", "object": "radar.early_fraud_warning", "actionable": True, "charge": "ch_a",
        "payment_intent": "pi_a", "fraud_type": "made_with_stolen_card", "created": 1752004000, "livemode": False, **more,
    }


def asked(source, item, amount):
    return {"source": source, "item": item, "kind": "payments", "state": "needs_review", "amount_due": amount, "currency": "usd"}


NOTE, WARNING = "credit_note:cn_a", "fraud_warning:issfr_a"
# The payment's own decisions are not part of these stories.
INVOICE = [event("invoice.paid", invoice(), 61)]
CHARGED = [event("charge.succeeded", charge(), 62), event("payment_intent.succeeded", intent(), 62)]


def stories():
    yield from of_credit_notes()
    yield from of_warnings()


def of_credit_notes():
    issued = event("credit_note.created", credit_note(), 4000)
    kept = {"payment_history": [invoiced(amount_refunded=0)], "invoices": [{"status": "paid", "amount_paid": 1500}]}
    yield Story(
        "a credit note to the balance asks a person", [
            *INVOICE, issued, event("credit_note.updated", credit_note(memo="as agreed"), 4100, previous={"memo": None}),
        ],
        expected={**kept, "fulfillments": [asked(NOTE, "in_a", 500)]},
    )
    yield Story(
        "a credit note that is voided asks nobody", [
            *INVOICE, issued, event("credit_note.updated", credit_note(reason="duplicate"), 4100),
            event("credit_note.voided", credit_note("void", reason="duplicate"), 4100),
        ],
        expected={**kept, "fulfillments": []},
    )
    yield Story(
        "a credit note before the invoice is paid returns nothing", [
            event("invoice.finalized", invoice(status="open", amount_paid=0), 60),
            event("credit_note.created", credit_note(
                type="pre_payment", pre_payment_amount=500, post_payment_amount=0, customer_balance_transaction=None), 60),
            event("invoice.paid", invoice(amount_due=1000, amount_paid=1000), 61),
        ],
        expected={"payment_history": [invoiced(1000, amount_refunded=0)], "fulfillments": []},
    )
    yield Story(
        "a credit note in part refunded, to the balance, and out of band", [
            *INVOICE, event("invoice_payment.paid", invoice_payment(), 61),
            event("refund.created", refunded(amount=200), 4000),
            event("credit_note.created", credit_note(
                refunds=[{"amount_refunded": 200, "refund": "re_a", "type": "refund"}], out_of_band_amount=100), 4000),
        ],
        expected={
            "payment_history": [
                {**invoiced(amount_refunded=200), "status": "partially_refunded"}, refund(200, refunded_at=at(4000))],
            "fulfillments": [asked(NOTE, "in_a", 300)],
        },
    )
    yield Story(
        "a credit note of an older version, whose refund tells how much it was", [
            *INVOICE, event("invoice_payment.paid", invoice_payment(), 61),
            event("refund.created", refunded(amount=200), 4000),
            event("credit_note.created", credit_note(refund="re_a", refunds=None, post_payment_amount=None), 4000),
        ],
        expected={
            "payment_history": [{**invoiced(amount_refunded=200), "status": "partially_refunded"}, refund(200)],
            "fulfillments": [asked(NOTE, "in_a", 300)],
        },
    )


def of_warnings():
    warned = event("radar.early_fraud_warning.created", warning(), 4000)
    yield Story(
        "a warning of fraud asks a person", [*CHARGED, warned, event("refund.created", refunded(), 5000)],
        expected={"payment_history": [refund(700)], "fulfillments": [asked(WARNING, "ch_a", 2000)]},
    )
    yield Story(
        "a warning of fraud about a session's payment is over with a full refund", [
            event("checkout.session.completed", session(1), 63), event("charge.succeeded", charge(metadata=stamped(1)), 62),
            warned, event("refund.created", refunded(amount=2000), 5000),
        ],
        local(1),
        {"payment_history": [user(**{**paid(), "status": "refunded", "amount_refunded": 2000}), refund(2000)]},
    )
    yield Story(
        "a warning of fraud comes back with a refund that fails", [
            *CHARGED, warned, event("refund.created", refunded(amount=2000, status="pending"), 5000),
            event("refund.failed", refunded(amount=2000, status="failed"), 5000),
        ],
        expected={"payment_history": [refund(2000, "failed")], "fulfillments": [asked(WARNING, "ch_a", 2000)]},
    )
    yield Story(
        "a warning of fraud is over with a dispute", [
            *CHARGED, warned, event("charge.dispute.created", dispute("needs_response"), 6000),
        ],
        expected={"payment_history": [{"type": "dispute"}], "fulfillments": []},
    )
