-- family_of_session: the sessions that this one was recovered from, or that were recovered from it, and itself, with all
-- facts of their payments (JSON objects). None if there are no others.
-- $1 environment text, $2 stripe_checkout_session_id text
with recursive family (id) as (
  select $2
  union
  select n.id
    from family f
    cross join lateral (
      select r.recovered_from
        from payments.recovered_sessions r
       where (r.environment operator(pg_catalog.=) $1) is true and r.stripe_checkout_session_id operator(pg_catalog.=) f.id
      union all
      select r.stripe_checkout_session_id
        from payments.recovered_sessions r
       where (r.environment operator(pg_catalog.=) $1) is true and r.recovered_from operator(pg_catalog.=) f.id
    ) as n (id)
)
select pg_catalog.json_build_object(
         'id', f.id,
         'recovered_from', (
           select r.recovered_from
             from payments.recovered_sessions r
            where (r.environment operator(pg_catalog.=) $1) is true and r.stripe_checkout_session_id operator(pg_catalog.=) f.id),
         'facts', coalesce((
           select pg_catalog.json_agg(o.statement)
             from payments.fact_links l
             join payments.facts o
               on (o.environment operator(pg_catalog.=) $1) is true and o.group_id operator(pg_catalog.=) l.group_id
            where (l.environment operator(pg_catalog.=) $1) is true and l.key operator(pg_catalog.=) f.id collate pg_catalog."C"), '[]'))::pg_catalog.text
  from family f
 where (select pg_catalog.count(*) from family) operator(pg_catalog.>) 1
 order by f.id collate pg_catalog."C";

-- recorded_sessions: the local rows that a backend recorded for these sessions of Stripe's (JSON objects): for which
-- session, and which one has the row now. $1 environment text, $2 stripe_checkout_session_ids text[]
select pg_catalog.json_build_object(
         'recorded', coalesce(s.recovered_from, s.stripe_checkout_session_id), 'has_it', s.stripe_checkout_session_id,
         'id', s.id, 'subject_type', s.subject_type, 'subject_id', s.subject_id, 'line_items', s.line_items)::pg_catalog.text
  from payments.checkout_sessions s
 where (s.environment operator(pg_catalog.=) $1) is true and s.stripe_checkout_session_id operator(pg_catalog.=) any ($2)
   and s.claimed_by_session is null
 order by s.id;

-- review_recovered: asks for a review of a paid session whose local row another session has.
-- $1 environment text, $2 source text, $3 the row's id text,
-- $4 state text, $5 reason text
insert into payments.fulfillments as f (environment, source, kind, target_table, item, state, reason)
values ($1, $2, 'checkout_sessions', 'payments.checkout_sessions', $3, $4, $5)
on conflict (environment, source, kind, target_table, item) do update
   set state = excluded.state, reason = excluded.reason, updated_at = pg_catalog.now()
 where (f.state operator(pg_catalog.=) excluded.state and f.reason operator(pg_catalog.=) excluded.reason) is not true;

-- delete_recovered: deletes that review. $1 environment text, $2 source text
delete from payments.fulfillments f
 where (f.environment operator(pg_catalog.=) $1) is true and f.source operator(pg_catalog.=) $2 collate pg_catalog."C"
   and f.kind operator(pg_catalog.=) 'checkout_sessions';
