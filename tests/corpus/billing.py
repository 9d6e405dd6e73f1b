"""Stories of a billing page: invoices and payment methods, their subjects, and the default method, in every order."""

from expected import at, user
from generated import customer, event, invoice, local, session, stamped, subscription, subscription_session
from story import Story

DAY = 86400
PAGE = "https://invoice.stripe.com/i/in_a"


def stories():
    yield from invoices()
    yield from whose()
    yield from methods()
    yield from defaults()


def told(status, **more):
    """An invoice in a state. Once it is finalized, it has a number and a page."""
    final = {} if status == "draft" else {"number": "A-1", "hosted_invoice_url": PAGE, "invoice_pdf": PAGE + "/pdf"}
    paid = 1500 if status == "paid" else 0
    finalized = None if status == "draft" else 1752000060
    return invoice(status=status, amount_paid=paid, amount_remaining=1500 - paid, period_start=1752000000, period_end=1754592000,
                   **{"status_transitions": {"finalized_at": finalized, "paid_at": 1752000061 if paid else None}, **final, **more})


def method(id_="pm_a", of="cus_a", last4="4242", **more):
    return {
        "id": id_, "object": "payment_method", "type": "card", "customer": of, "livemode": False, "metadata": {},
        "created": 1752000000, "card": {"brand": "visa", "last4": last4, "exp_month": 8, "exp_year": 2031}, **more,
    }


def invoices():
    draft = event("invoice.created", told("draft"), 60)
    open_ = event("invoice.finalized", told("open"), 60)
    changed = event("invoice.updated", told("open", due_date=1752000060 + 10 * DAY), 60, previous={"due_date": None})
    paid = event("invoice.paid", told("paid", due_date=1752000060 + 10 * DAY), 61)
    yield Story(
        "an invoice from its draft until it is paid", [draft, open_, changed, paid], local(1),
        {"invoices": [{"status": "paid", "number": "A-1", "amount_due": 1500, "amount_paid": 1500, "amount_remaining": 0,
                       "period_end": at(2592000), "due_date": at(60 + 10 * DAY), "hosted_invoice_url": PAGE, "raw": {},
                       "hosted_invoice_url_expires_at": at(60 + 40 * DAY), "stripe_subscription_id": "sub_a"}]},
    )
    yield Story(
        "a draft is deleted", [draft, event("invoice.updated", told("draft", description="x"), 70), event("invoice.deleted", told("draft"), 70)],
        "", {"invoices": [], "payment_history": []},
    )
    yield Story(
        "an invoice is written off and voided", [
            draft, open_, event("invoice.overdue", told("open"), 900), event("invoice.payment_action_required", told("open"), 500),
            event("invoice.marked_uncollectible", told("uncollectible"), 1000), event("invoice.voided", told("void"), 2000),
        ], "", {"invoices": [{"status": "void", "amount_remaining": 1500}], "payment_history": [{"status": "failed"}]},
    )
    yield Story(
        "an invoice that failed is changed and stays failed until it is paid", [
            open_, event("invoice.payment_failed", told("open"), 70), event("invoice.updated", told("open", attempt_count=2), 75),
        ], "", {"invoices": [{"status": "open"}], "payment_history": [{"status": "failed", "failed_at": at(70)}]},
    )


def whose():
    lonely = told("paid", id_="in_b", parent=None, lines={"data": []})
    yield Story(
        "invoices of a customer that is mapped later", [
            event("invoice.paid", lonely, 30), event("invoice.created", told("draft", id_="in_c", parent=None, lines={"data": []}), 31),
            event("checkout.session.completed", session(1), 63),
        ], local(1), {"invoices": [user(stripe_invoice_id="in_b"), user(stripe_invoice_id="in_c", status="draft")]},
    )
    yield Story(
        "an invoice whose checkout names the subject", [
            event("invoice.paid", told("paid"), 62),
            event("checkout.session.completed", {**subscription_session(1), "customer": None, "metadata": {}}, 63),
            event("customer.subscription.created", subscription(customer="cus_b"), 61),
        ], local(1, "subscription", stripe_id="cs_a"), {"invoices": [user(stripe_invoice_id="in_a")]},
    )
    team = {"payments_subject_type": "team", "payments_subject_id": "t_1"}
    yield Story(
        "a subscription's metadata says whose its invoices are, also later", [
            event("invoice.paid", told("paid"), 62), event("invoice.created", told("draft", id_="in_b"), 65),
            event("customer.subscription.created", subscription(), 61),
            event("customer.subscription.updated", subscription(metadata={**stamped(1, "subscription"), **team}), 90, previous={"metadata": {}}),
        ], "", {"invoices": [{"subject_type": "team", "subject_id": "t_1"}] * 2, "subscriptions": [{"subject_id": "t_1"}]},
    )


def methods():
    attached = event("payment_method.attached", method(), 10)
    renewed = event("payment_method.automatically_updated", method(last4="1881"), 20, previous={"card": {"last4": "4242"}})
    detached = event("payment_method.detached", method(of=None, last4="1881"), 30, previous={"customer": "cus_a"})
    yield Story(
        "a card is attached and renewed", [attached, renewed],
        expected={"payment_methods": [{"last4": "1881", "brand": "visa", "exp_year": 2031, "stripe_customer_id": "cus_a",
                                       "is_default": False, "detached_at": None}]},
    )
    yield Story(
        "a card that was the default is detached", [
            attached, renewed, detached, event("customer.updated", customer(invoice_settings={"default_payment_method": "pm_a"}), 15),
        ],
        expected={"payment_methods": [{"last4": "1881", "stripe_customer_id": "cus_a", "is_default": False, "detached_at": at(30)}]},
    )
    page = {"object": "list", "url": "/v1/payment_methods", "has_more": False, "data": [method("pm_b", last4="0002")]}
    yield Story(
        "payment methods are backfilled", [
            attached, detached, {"type": "backfill", "id": "fetched", "created": 1752000025, "objects": [page, method()]},
            event("customer.updated", customer(invoice_settings={"default_payment_method": {"id": "pm_b", "object": "payment_method"}}), 15),
        ],
        expected={"payment_methods": [{"stripe_payment_method_id": "pm_a", "is_default": False, "detached_at": at(30)},
                                      {"stripe_payment_method_id": "pm_b", "is_default": True}]},
    )


def defaults():
    both = [event("payment_method.attached", method(), 10), event("payment_method.attached", method("pm_b"), 11)]
    first = event("customer.updated", customer(invoice_settings={"default_payment_method": "pm_a"}), 20)
    second = event("customer.updated", customer(invoice_settings={"default_payment_method": "pm_b"}), 21,
                   previous={"invoice_settings": {"default_payment_method": "pm_a"}})

    def are(a, b):
        return {"payment_methods": [{"stripe_payment_method_id": "pm_a", "is_default": a}, {"stripe_payment_method_id": "pm_b", "is_default": b}]}

    yield Story("the default method changes", [*both, first, second], expected=are(False, True))
    named = event("customer.subscription.created", subscription(default_payment_method="pm_a"), 61)
    yield Story("a subscription names a default of its own", [*both, second, named], expected=are(True, True))
    ended = event("customer.subscription.deleted", subscription("canceled", default_payment_method="pm_a"), 90)
    yield Story("a subscription that named a default ends", [*both, second, named, ended], expected=are(False, True))
    yield Story("a customer with a default is deleted", [*both, second, event("customer.deleted", customer(), 99)],
                expected=are(False, False))
    source = event("customer.updated", customer(default_source="pm_a", invoice_settings={"default_payment_method": None}), 22)
    yield Story("a source of old is the default", [*both, second, source], expected=are(True, False))
