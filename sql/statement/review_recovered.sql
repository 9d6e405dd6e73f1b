-- review_recovered: a paid session whose place another has taken waits for a person. $1 environment text, $2 source text, $3 the row's id text,
-- $4 state text, $5 reason text
insert into payments.fulfillments as f (environment, source, kind, target_table, item, state, reason)
values ($1, $2, 'checkout_sessions', 'payments.checkout_sessions', $3, $4, $5)
on conflict (environment, source, kind, target_table, item) do update
   set state = excluded.state, reason = excluded.reason, updated_at = pg_catalog.now()
 where (f.state operator(pg_catalog.=) excluded.state and f.reason operator(pg_catalog.=) excluded.reason) is not true
