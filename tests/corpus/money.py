"""No money disappears: what arrived was given, was returned, or is shown to a person, to the last cent.

What arrived is computed from the facts, once for each payment, and not from the rows that the projection made.
"""

import collections

FACTS = """
    select environment, group_id, object_type, object_id, event_id, statement -> 'fact', (statement ->> 'created')::bigint
      from payments.facts where group_id is not null"""
# What was returned of a payment's row, and whether it gave something. A subscription always counts as giving.
ROWS = """
    select p.environment, p.id::text, coalesce(p.amount_refunded, 0) + coalesce(p.amount_lost, 0), p.amount,
           array_remove(array[p.stripe_payment_intent_id, p.stripe_checkout_session_id, p.stripe_invoice_id, p.stripe_charge_id], null),
           p.type = 'subscription_invoice' or exists (
             select from payments.checkout_sessions s
               join payments.fulfillments f on f.source = 'checkout:' || s.id
              where (s.stripe_checkout_session_id = p.stripe_checkout_session_id or s.stripe_payment_intent_id = p.stripe_payment_intent_id)
                and s.environment = p.environment and f.kind <> 'fulfillment_jobs' and f.state in ('applied', 'reversed'))
      from payments.payment_history p where p.type not in ('refund', 'dispute')"""
SHOWN = """
    select u.environment, u.currency, coalesce(u.amount, 0) - coalesce(u.amount_refunded, 0) - coalesce(u.amount_lost, 0), u.type, u.reason,
           u.next_step, u.id::text, array_remove(array[u.stripe_payment_intent_id, u.stripe_checkout_session_id, u.stripe_invoice_id, u.stripe_charge_id], null)
      from payments.unfulfilled_payments u"""


def newest(facts):
    """The newest snapshot of each object. If some say that the money arrived, the newest of those."""
    objects = {}
    for kind, id_, event_id, fact, created in facts:
        place = (fact.get("state") == "succeeded", created, event_id)
        if id_ not in objects or objects[id_][0] < place:
            objects[id_] = (place, kind, fact)
    by_kind = collections.defaultdict(list)
    for _, kind, fact in objects.values():
        by_kind[kind].append(fact)
    return by_kind


def arrived(facts):
    """How much money of one payment arrived, and its currency. None if none arrived."""
    by_kind = newest(facts)
    good = {kind: [fact for fact in some if fact.get("state") == "succeeded"] for kind, some in by_kind.items()}
    intents = [(fact["amount_received"], fact.get("currency")) for fact in good.get("payment_intent", [])]
    charges = [(fact.get("amount_captured", fact.get("amount")), fact.get("currency")) for fact in good.get("charge", [])]
    adopted = [
        (row["amount"], row["currency"]) for row in by_kind["adopted_payment"]
        if row["status"] in ("succeeded", "partially_refunded", "refunded")
    ]
    sessions = [fact for fact in good.get("checkout.session", []) if fact["mode"] != "subscription" or fact.get("presented")]
    invoices = [(fact["amount_paid"], fact.get("currency")) for fact in good.get("invoice", [])]
    payments = [(fact.get("amount_paid"), fact.get("currency")) for fact in good.get("invoice_payment", [])]
    if adopted:
        return adopted[0]
    if sessions:
        currency = sessions[0].get("currency")
        for told in (intents, charges):
            received = [amount for amount, paid_in in told if paid_in == currency and amount]
            if received:
                return sum(received), currency
        return sessions[0].get("amount_total"), currency
    for told in (invoices, intents, charges, payments):
        if told and any(amount is not None for amount, _ in told):
            return sum(amount or 0 for amount, _ in told), told[0][1]
    return None


def unaccounted(connection, hidden=None, adds_up=True):
    """Describes each currency in which money disappeared. `hidden` selects the rows that a control hides. If the amounts of a story
    contradict each other (`adds_up` is false), more money may be accounted for than arrived."""
    groups = collections.defaultdict(list)
    for environment, group_id, *fact in connection.execute(FACTS).fetchall():
        groups[environment, group_id].append(fact)
    rows = connection.execute(ROWS).fetchall()
    shown = [row for row in connection.execute(SHOWN).fetchall() if not (hidden and hidden(row))]
    sums = collections.defaultdict(lambda: [0, 0])
    for environment, currency, left, kind, reason, next_step, _, ids in shown:
        sums[environment, currency][1] += left
        if not reason or not next_step:
            sums[environment, f"{currency}: {ids} ({kind}) is shown without a reason or a next step"][0] += 1
    for (environment, group_id), facts in groups.items():
        money = arrived(facts)
        if not money or not money[0]:
            continue
        amount, currency = money
        keys = {id_ for _, id_, *_ in facts}
        keys |= {value for _, _, _, fact, _ in facts for name, value in fact.items()
                 if name in ("payment_intent", "latest_charge", "invoice", "charge") and isinstance(value, str)}
        keys |= {value for _, _, _, fact, _ in facts for name, value in fact.items() if name.startswith("stripe_") and isinstance(value, str)}
        row = next((row for row in rows if row[0] == environment and keys & set(row[4])), None)
        sums[environment, currency][0] += amount
        if row is None:
            back = returned(facts)
            sums[environment, currency][1] += min(back, amount)
        else:
            back = min(row[2], amount)
            is_shown = any(one[6] == row[1] for one in shown)
            sums[environment, currency][1] += back if is_shown or not row[5] else amount
    return [
        f"  {environment} {currency}: {came} arrived, {told} were given, went back or are shown"
        for (environment, currency), (came, told) in sums.items() if came > told or adds_up and came != told
    ]


def returned(facts):
    """What was returned of money that belongs to no row."""
    by_kind = newest(facts)
    refunds = sum(fact.get("amount") or 0 for fact in by_kind["refund"] if fact.get("state") == "succeeded")
    charges = sum(fact.get("amount_refunded") or 0 for fact in by_kind["charge"])
    lost = sum(fact.get("amount") or 0 for fact in by_kind["dispute"] if fact["status"] == "lost" or fact["status"].startswith("appeal_"))
    return max(refunds, charges) + lost
