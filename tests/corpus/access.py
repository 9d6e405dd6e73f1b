"""Stories of access: what subscriptions and passes give by the same rule, in every order."""

from expected import at, invoiced, refund
from generated import event, invoice, local, refunded, session, stamped, subscription, subscription_session
from story import Story

COURSE = "select payments.set_entitlement_benefit('test', 'price_a', 'course'{});"
PASS = COURSE.format(", '7 days'")
FAR = 4000000000 - 1752000000
GRACE = 3 * 86400
DAY = 86400
OF_TEAM = {**stamped(1, "subscription"), "payments_subject_type": "team", "payments_subject_id": "t_1"}
BOUGHT = event("checkout.session.completed", {**subscription_session(1), "metadata": OF_TEAM}, 63)


def team():
    return local(1, "subscription", ("team", "t_1"))


def key(active=True, **more):
    return {"public.user_entitlements": [{"key": "course", "active": active, **more}]}


def status(word, access_until, **more):
    return {"public.team_billing_status": [{"team_id": "t_1", "status": word, "access_until": access_until, **more}]}


def item(id_, price, end=None):
    own = {} if end is None else {"current_period_start": 1752000060, "current_period_end": 1752000000 + end}
    return {
        "id": id_, "object": "subscription_item", "quantity": 1, "subscription": "sub_a", "metadata": {}, **own,
        "price": {"id": price, "object": "price", "product": price.replace("price", "prod"), "currency": "usd"},
    }


def stories():
    yield from paused()
    yield from overdue()
    yield from items()
    yield from passes()
    yield from returned()


def paused():
    created = event("customer.subscription.created", subscription(end=FAR), 61)
    pause = {"behavior": "void", "resumes_at": 1752009000}
    pauses = event(
        "customer.subscription.updated", subscription(end=FAR, pause_collection=pause), 700,
        previous={"pause_collection": None},
    )
    resumes = event(
        "customer.subscription.updated", subscription(end=FAR, pause_collection=None), 900,
        previous={"pause_collection": pause},
    )
    strict = COURSE.format(", paused => false")
    is_paused = {"subscriptions": [{"pause_collection": "void", "pause_resumes_at": at(9000)}]}
    until = at(FAR + GRACE)
    yield Story(
        "a paused collection takes a key that is to be paid for", [BOUGHT, created, pauses], strict + team(),
        {**is_paused, **key(False), **status("active", None)},
    )
    yield Story(
        "a paused collection leaves other keys", [BOUGHT, created, pauses], COURSE.format("") + team(),
        {**is_paused, **key(True, expires_at=until), **status("active", until)},
    )
    yield Story(
        "a collection is paused and resumed", [BOUGHT, created, pauses, resumes], strict + team(),
        {"subscriptions": [{"pause_collection": None, "pause_resumes_at": None}], **key(True), **status("active", until)},
    )


def overdue():
    events = [
        BOUGHT, event("customer.subscription.created", subscription(end=2592060), 61),
        event("customer.subscription.updated", subscription("past_due", start=2592060, end=FAR), 2592100, previous={"status": "active"}),
    ]
    until = at(FAR + GRACE)
    yield Story(
        "past due, and no benefit waits for the money", events, COURSE.format("") + team(),
        {**key(False), **status("past_due", None, current_period_end=at(FAR))},
    )
    yield Story(
        "past due, and a benefit waits for the money", events, COURSE.format(", past_due => true") + team(),
        {**key(True, expires_at=until), **status("past_due", until)},
    )
    other = subscription("past_due", "sub_b", end=FAR)
    other["items"]["data"] = [{**item("si_b", "price_b", FAR), "subscription": "sub_b"}]
    yield Story(
        "of two past due the one that gives access answers for the team", [
            BOUGHT, event("customer.subscription.created", subscription("past_due", end=FAR - DAY), 61),
            event("customer.subscription.created", other, 62),
        ],
        COURSE.format(", past_due => true") + team(), status("past_due", at(FAR - DAY + GRACE), stripe_subscription_id="sub_a"),
    )
    yield Story(
        "a scheduled end is exact", [
            BOUGHT, event("customer.subscription.created", subscription(end=FAR), 61),
            event("customer.subscription.updated", subscription(end=FAR, cancel_at=1752000000 + FAR), 700, previous={"cancel_at": None}),
        ],
        COURSE.format("") + team(), {**key(True, expires_at=at(FAR)), **status("active", at(FAR))},
    )


def items():
    both = [item("si_a", "price_a", FAR), item("si_b", "price_b", FAR + DAY)]
    two = COURSE.format("") + "select payments.set_entitlement_benefit('test', 'price_b', 'forum');" + team()
    keys = [{"key": "course", "expires_at": at(FAR + GRACE)}, {"key": "forum", "expires_at": at(FAR + DAY + GRACE)}]
    renewed = [item("si_a", "price_a", FAR + 9 * DAY), item("si_b", "price_b", FAR + DAY)]
    yield Story(
        "items of one subscription end at different times", [
            BOUGHT, event("customer.subscription.created", subscription(items=[both[0]]), 61),
            event("customer.subscription.updated", subscription(items=both), 700, previous={"items": None}),
        ],
        two,
        {"public.user_entitlements": keys, **status("active", at(FAR + DAY + GRACE), current_period_end=at(FAR + DAY)),
         "subscription_items": [{"current_period_end": at(FAR)}, {"current_period_end": at(FAR + DAY)}]},
    )
    yield Story(
        "the longest of the items that give a key counts", [
            BOUGHT, event("customer.subscription.created", subscription(items=both), 61),
            event("customer.subscription.updated", subscription(items=renewed), 700, previous={"items": None}),
        ],
        COURSE.format("") + "select payments.set_entitlement_benefit('test', 'price_b', 'course');" + team(),
        {**key(True, expires_at=at(FAR + 9 * DAY + GRACE)), **status("active", at(FAR + 9 * DAY + GRACE))},
    )
    older = {"api_version": "2024-06-20"}
    own = {"current_period_start": 1752000060, "current_period_end": 1752000000 + FAR}
    bare = [item("si_a", "price_a"), item("si_b", "price_b")]
    yield Story(
        "items of older shapes have the subscription's period", [
            {**BOUGHT, **older},
            {**event("customer.subscription.created", subscription(items=bare, **own), 61), **older},
            {**event("customer.subscription.updated", subscription("past_due", items=bare, **own), 700, previous={"status": "active"}), **older},
            {**event("customer.subscription.updated", subscription(items=bare, **own), 900, previous={"status": "past_due"}), **older},
        ],
        two,
        {"public.user_entitlements": [{"expires_at": at(FAR + GRACE)}] * 2,
         "subscription_items": [{"current_period_start": at(60), "current_period_end": at(FAR)}] * 2},
    )


def passes():
    def buys(number, when):
        letter = "abcd"[number - 1]
        return event("checkout.session.completed", session(
            number, f"cs_{letter}", payment_intent=f"pi_{letter}", metadata=stamped(number)), when)

    def goes_back(letter, when, **more):
        return event("refund.created", refunded(f"re_{letter}", 2000, charge=f"ch_{letter}", payment_intent=f"pi_{letter}", **more), when)

    def has(*terms):
        return {"public.user_entitlements": [
            {"key": "course", "active": active, "starts_at": at(start), "expires_at": at(end)} for active, start, end in terms]}

    week = 7 * DAY
    setup = PASS + "".join(local(number) for number in (1, 2, 3))
    first, second, third = buys(1, 60), buys(2, DAY), buys(3, 2 * DAY)
    yield Story(
        "a pass bought twice lasts twice as long", [first, second], setup,
        has((True, 60, 60 + week), (True, 60 + week, 60 + 2 * week)),
    )
    yield Story(
        "a pass bought again after it ended", [first, buys(2, 9 * DAY)], setup,
        has((True, 60, 60 + week), (True, 9 * DAY, 9 * DAY + week)),
    )
    for letter, terms in {
        "a": ((False, 60, 60 + week), (True, DAY, DAY + week), (True, DAY + week, DAY + 2 * week)),
        "b": ((True, 60, 60 + week), (False, DAY, DAY + week), (True, 60 + week, 60 + 2 * week)),
        "c": ((True, 60, 60 + week), (True, 60 + week, 60 + 2 * week), (False, 2 * DAY, 2 * DAY + week)),
    }.items():
        yield Story(
            f"a pass bought three times, of which {letter} goes back", [first, second, third, goes_back(letter, 3 * DAY)],
            setup, has(*terms),
        )
    yield Story(
        "a pass bought twice, of which one goes back in vain", [
            first, second, goes_back("a", 2 * DAY),
            event("refund.failed", refunded("re_a", 2000, "failed", charge="ch_a", payment_intent="pi_a"), 3 * DAY),
        ],
        setup, has((True, 60, 60 + week), (True, 60 + week, 60 + 2 * week)),
    )
    yield Story(
        "two holders buy a pass", [first, event("checkout.session.completed", session(
            2, "cs_b", payment_intent="pi_b", customer="cus_b", metadata=stamped(2, payments_subject_id="u_2")), DAY)],
        PASS + local(1) + local(2, subject=("user", "u_2")), has((True, 60, 60 + week), (True, DAY, DAY + week)),
    )
    yield Story(
        "a pass of a month is bought beside a key for good", [first, second],
        """select payments.set_entitlement_benefit('test', 'price_a', 'course', '1 month');
           select payments.set_entitlement_benefit('test', 'price_a', 'forum');""" + local(1) + local(2),
        {"public.user_entitlements": [
            {"key": "course", "expires_at": at(60 + 31 * DAY)}, {"key": "course", "expires_at": at(60 + 62 * DAY)},
            {"key": "forum", "starts_at": at(60), "expires_at": None}, {"key": "forum", "starts_at": at(DAY), "expires_at": None}]},
    )


def returned():
    of = {"charge": "ch_a", "payment_intent": "pi_a"}
    paid = event("invoice.paid", invoice(payment_intent="pi_a", charge="ch_a"), 62)
    runs = event("customer.subscription.created", subscription(end=FAR), 61)
    back = event("refund.created", refunded(amount=1500, **of), 5000)
    asked = {"source": "subscription:sub_a", "kind": "subscriptions", "item": "in_a", "state": "needs_review",
             "reason": "1500 of 1500 was refunded, and the subscription goes on…"}
    setup = COURSE.format("") + team()
    given = {"source": "subscription:sub_a", "kind": "user_entitlements"}
    status_of = {"source": "subject:team:t_1", "kind": "billing_status"}
    yield Story(
        "the money of a subscription that goes on went back", [BOUGHT, runs, paid, back], setup,
        {"payments.fulfillments": [asked, given, status_of],
         "payment_history": [{**invoiced(), "status": "refunded"}, refund(1500)]},
    )
    yield Story(
        "the refund of a subscription's money fails", [
            BOUGHT, runs, paid, back, event("refund.failed", refunded(amount=1500, status="failed", **of), 9000),
        ],
        setup, {"payments.fulfillments": [given, status_of]},
    )
    yield Story(
        "a subscription ends whose money went back", [
            BOUGHT, runs, paid, back, event("customer.subscription.deleted", subscription("canceled", end=FAR), 9000),
        ],
        setup, {"payments.fulfillments": [given, status_of, {
            "source": "subscription:sub_a", "kind": "fulfillment_jobs", "item": "subscription_ended"}]},
    )
