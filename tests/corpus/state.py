"""What a database must have in the same form after every order of delivery, so that it can be compared."""

import json
import re

# Columns that depend on the clock, on generated ids, on how often Stripe delivered an event, or on one delivery.
ASIDE = {
    "id", "created_at", "updated_at", "synced_at", "received_at", "processed_at", "attempt_count", "last_attempt_at",
    "refused_count", "body", "signature", "last_synced_at", "last_sync_counts", "lapsed_at", "settled",
}
# The balances are the same in every order. The running balances and the number of entries are not.
LEDGER = "credit_ledger"
# Outboxes and secrets are not compared.
SKIPPED = {"payments_secret.webhook_secrets", "public.fulfillment_jobs"}
# Except the notices in the outbox that no worker has begun.
OF_NOTICES = """select kind || ' ' || source || ' ' || payload from public.fulfillment_jobs where attempts = 0 and kind = any (
    '{payment_failed,payment_action_required,trial_will_end,renewal_upcoming,subscription_ended}') order by 1"""
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def tables(connection):
    rows = connection.execute(
        """select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname in ('payments', 'payments_registry', 'public') and c.relkind = 'r' order by 1"""
    )
    return [name for (name,) in rows if name not in SKIPPED]


def snapshot(connection, names):
    """Every row of every table. A generated id is replaced by the name of the table that it points to."""
    query = " union all ".join(f"select '{name}', to_jsonb(t) from {name} t" for name in names)
    rows = connection.execute(query).fetchall()
    generated = {}
    for name, row in rows:
        if name not in ("payments.checkout_sessions", "payments.customer_portal_sessions", "public.orders"):
            generated[str(row.get("id"))] = name
    state = {name: [] for name in names}
    balances = {}
    groups = least_keys(rows)
    for name, row in rows:
        if row.get("group_id"):
            row["group_id"] = groups[row["environment"], row["group_id"]]
        if name.endswith(LEDGER):
            key = f"{row.get('environment', '')} {row['subject_type']} {row['subject_id']}"
            balances[key] = balances.get(key, 0) + row["delta"]
            continue
        text = json.dumps({k: v for k, v in row.items() if k not in ASIDE}, sort_keys=True, ensure_ascii=False)
        state[name].append(UUID.sub(lambda m: f"<{generated[m[0]]}>" if m[0] in generated else m[0], text))
    for rows_of in state.values():
        rows_of.sort()
    has_jobs = connection.execute("select to_regclass('public.fulfillment_jobs') is not null").fetchone()[0]
    state["jobs"] = [job for (job,) in connection.execute(OF_NOTICES).fetchall()] if has_jobs else []
    state["balances"] = [f"{key}: {sum_}" for key, sum_ in sorted(balances.items()) if sum_]
    return state


def least_keys(rows):
    """The names of all groups of facts. A group is named by the id that came first; here, by its least id."""
    groups = {}
    for name, row in rows:
        if name == "payments.fact_links" and row["group_id"]:
            group = row["environment"], row["group_id"]
            groups[group] = min(groups.get(group, row["key"]), row["key"])
    return groups


def differences(one, other):
    """The differences in words, or '' if both are the same."""
    lines = []
    for name in one:
        gone = [row for row in one[name] if row not in other[name]]
        new = [row for row in other[name] if row not in one[name]]
        if len(gone) == len(new) == 1:
            lines += [f"  {name}: {change}" for change in columns(gone[0], new[0])]
        else:
            lines += [f"  {name} - {row[:420]}" for row in gone] + [f"  {name} + {row[:420]}" for row in new]
        if not gone and not new and one[name] != other[name]:
            lines.append(f"  {name}: {len(one[name])} rows, then {len(other[name])}")
    return "\n".join(lines[:12] + ([f"  … and {len(lines) - 12} more"] if len(lines) > 12 else []))


def columns(row, other):
    try:
        row, other = json.loads(row), json.loads(other)
    except json.JSONDecodeError:
        return [f"{row} became {other}"]
    keys = sorted(row.keys() | other.keys())
    return [
        f"{key}: {json.dumps(row.get(key))[:300]} became {json.dumps(other.get(key))[:300]}  (of {identity(row)})"
        for key in keys
        if row.get(key) != other.get(key)
    ]


def identity(row):
    """Some ids of a row, for readers."""
    named = [f"{k}={v}" for k, v in row.items() if v and isinstance(v, str) and k.endswith("_id") and k != "event_id"]
    return ", ".join(named[:3])


def missing(expected, state):
    """Which expected rows are missing. Each expected table has exactly these rows, compared on the given columns."""
    problems = []
    for table, rows in expected.items():
        if table in ("balances", "jobs"):
            if [row.split(" {")[0] for row in state[table]] != rows and state[table] != rows:
                problems.append(f"  {table}: expected {rows}, found {state[table]}")
            continue
        found = [json.loads(row) for row in state[f"payments.{table}" if "." not in table else table]]
        if len(found) != len(rows):
            problems.append(f"  {table}: expected {len(rows)} rows, found {len(found)}: {[brief(f) for f in found]}")
            continue
        left = list(found)
        for row in rows:
            best = min(left, key=lambda f: len(unlike(row, f)))
            if unlike(row, best):
                problems.append(f"  {table}: expected {row}\n    found {({k: best.get(k) for k in row})}")
            left.remove(best)
    return "\n".join(problems)


def brief(row):
    return {k: v for k, v in row.items() if v is not None and k not in ("raw", "metadata", "payload")}


def unlike(expected, found):
    return [k for k, v in expected.items() if not same(v, found.get(k))]


def same(expected, found):
    if isinstance(expected, tuple):  # any of these
        return any(same(one, found) for one in expected)
    if isinstance(expected, str) and expected.endswith("…"):
        return isinstance(found, str) and found.startswith(expected[:-1])
    return expected == found
