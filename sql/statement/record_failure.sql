-- record_failure: keeps that giving raised an error; what was given before stays on record, and so does the promise. $1 environment, $2 source, $3 kind, $4 target table, $5 item, $6 reason, $7 sqlstate, $8 benefit source text, $9 amount due, $10 expires_at bigint (microseconds), $11 duration text
insert into payments.fulfillments as f
  (environment, source, kind, target_table, item, state, reason, sqlstate, attempts, benefit_source, amount_due, expires_at, duration)
values ($1, $2, $3, $4, $5, 'failed'::pg_catalog.text, $6, $7, 1, $8, $9,
     pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) ($10 operator(pg_catalog.*) interval '1 microsecond'), $11::interval)
on conflict (environment, source, kind, target_table, item) do update
   set state = excluded.state, reason = excluded.reason, sqlstate = excluded.sqlstate, attempts = f.attempts operator(pg_catalog.+) 1,
       benefit_source = coalesce(f.benefit_source, excluded.benefit_source), amount_due = coalesce(f.amount_due, excluded.amount_due),
       expires_at = coalesce(f.expires_at, excluded.expires_at), duration = coalesce(f.duration, excluded.duration), updated_at = pg_catalog.now()
