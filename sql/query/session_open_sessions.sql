-- count_open_portals: how many customer portal sessions a user asked for within a day, failed ones not counted, at most so many
-- (a JSON number). Stripe does not say when one ends. $1 user text, $2 most bigint
select pg_catalog.to_json(pg_catalog.count(*))::pg_catalog.text
  from (select from payments.customer_portal_sessions s
         where s.created_by operator(pg_catalog.=) $1
           and s.created_at operator(pg_catalog.>) (pg_catalog.now() operator(pg_catalog.-) '1 day'::pg_catalog.interval)
           and s.status operator(pg_catalog.<>) 'failed'::pg_catalog.text
         limit $2) open;

-- count_changes: how many changes of subscriptions a user asked for within a day, failed ones not counted, at most so many
-- (a JSON number). $1 user text, $2 most bigint
select pg_catalog.to_json(pg_catalog.count(*))::pg_catalog.text
  from (select from payments.subscription_requests s
         where s.created_by operator(pg_catalog.=) $1
           and s.created_at operator(pg_catalog.>) (pg_catalog.now() operator(pg_catalog.-) '1 day'::pg_catalog.interval)
           and s.status operator(pg_catalog.<>) 'failed'::pg_catalog.text
         limit $2) asked;
