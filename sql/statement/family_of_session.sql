-- family_of_session: the sessions that this one was recovered from, or that were recovered from it, itself among them, with all that is
-- said of their payments (JSON objects); none where there are no others. $1 environment text, $2 stripe_checkout_session_id text
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
 order by f.id collate pg_catalog."C"
