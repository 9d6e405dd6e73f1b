-- Years of history: one payment is received as Stripe tells it, and every row that it left is copied with other ids, by
-- the million and without triggers. Bodies of old events are left out, as if pruned.

select payments.apply_stripe_event('test', payload::jsonb) from (select payload from bench.events where n <= 3 order by n) e;

set session_replication_role = replica;
set synchronous_commit = off;

create function bench.copy_rows(target regclass, copies int) returns void language plpgsql as $$
declare
  new_id text := case when exists (select from pg_attribute where attrelid = target and attname = 'id')
                      then $q$ || jsonb_build_object('id', gen_random_uuid())$q$ else '' end;
begin
  execute format('create temp table seed on commit drop as select to_jsonb(t) - array[''body'', ''signature'', ''payload'', ''raw'']
                    || case when to_jsonb(t) ? ''raw'' then ''{"raw": {}}'' else ''{}'' end::jsonb as row from %s t', target);
  execute format($q$
    insert into %1$s
    select r.*
      from generate_series(1, $1) n, seed,
           lateral jsonb_populate_record(null::%1$s,
             regexp_replace(seed.row::text, '"((evt|pi|ch|py|cs_test|cus)_[A-Za-z0-9]+)"', format('"\1h%%s"', n), 'g')::jsonb %2$s) r
  $q$, target, new_id) using copies;
  drop table seed;
end
$$;

select bench.copy_rows('payments.webhook_events', (:scale * 5e6 / 3)::int);
select bench.copy_rows('payments.facts', (:scale * 1e6)::int);
select bench.copy_rows('payments.links', (:scale * 1e6)::int);
select bench.copy_rows('payments.payment_history', (:scale * 1e6)::int);
reset session_replication_role;
-- The sample's own events come again in the stream, as others.
update bench.events set payload = replace(payload, 'KQwB2LkdIwHu7ix', 'KQwB2LkdIwHu7iy'), event_id = replace(event_id, 'KQwB2LkdIwHu7ix', 'KQwB2LkdIwHu7iy') where n <= 3;
vacuum analyze;
