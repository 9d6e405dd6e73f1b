-- Years of history: one payment is received from Stripe's events, and every row that it leaves is copied with other
-- ids, by the million, without triggers; the indexes are built afterwards. The bodies of old events are left out, as if
-- pruned.

select payments.apply_stripe_event('test', payload::jsonb) from (select payload from bench.events where n <= 3 order by n) e;

set session_replication_role = replica;
set synchronous_commit = off;
set maintenance_work_mem = '512MB';

-- A value of a sample row, as an expression over n, the number of the copy. Stripe's ids differ in each copy.
create function bench.varied(value text, type regtype) returns text language sql stable as $$
  select case
    when value is null then 'null::' || type
    when type = 'text[]'::regtype then format('replace(%L, ''~'', ''h'' || n)::text[]', regexp_replace(translate(value, '[]', '{}'), '((evt|pi|ch|py|cs_test|cus)_[A-Za-z0-9]+)', '\1~', 'g'))
    when type in ('json'::regtype, 'jsonb'::regtype)
      then format('replace(%L, ''~'', ''h'' || n)::%s', regexp_replace(value, '((evt|pi|ch|py|cs_test|cus)_[A-Za-z0-9]+)', '\1~', 'g'), type)
    when type = 'uuid'::regtype then 'gen_random_uuid()'
    when type = 'text'::regtype and value ~ '^(evt|pi|ch|py|cs_test|cus)_' then format('%L || ''h'' || n', value)
    else format('%L::%s', value, type)
  end
$$;

create procedure bench.copy_rows(target regclass, copies int) language plpgsql as $$
declare
  columns text;
  dropped text[];
  seed jsonb;
begin
  select string_agg(quote_ident(attname), ', ' order by attnum) into columns
    from pg_attribute where attrelid = target and attnum > 0 and not attisdropped;
  select array_agg(pg_get_indexdef(indexrelid)) into dropped from pg_index where indrelid = target and not indisunique;
  execute (select coalesce(string_agg(format('drop index %s', indexrelid::regclass), '; '), 'select 1')
             from pg_index where indrelid = target and not indisunique);
  for seed in execute format('select to_jsonb(t) - array[''signed_body'', ''signature'', ''payload''] from %s t', target) loop
    execute format('insert into %s (%s) select %s from generate_series(1, %s) n', target, columns,
      (select string_agg(case when a.attname = 'raw' then '''{}''::jsonb'
                              else bench.varied(seed ->> a.attname::text, a.atttypid::regtype) end, ', ' order by a.attnum)
         from pg_attribute a where a.attrelid = target and a.attnum > 0 and not a.attisdropped), copies);
    commit;
  end loop;
  for i in 1 .. coalesce(cardinality(dropped), 0) loop
    execute dropped[i];
    commit;
  end loop;
end
$$;

call bench.copy_rows('payments.webhook_events', (:scale * 5e6 / 3)::int);
call bench.copy_rows('payments.facts', (:scale * 1e6)::int);
call bench.copy_rows('payments.fact_links', (:scale * 1e6)::int);
call bench.copy_rows('payments.payment_history', (:scale * 1e6)::int);
reset session_replication_role;
drop function bench.varied;
-- The events of the sample are also in the stream, so there they get other ids.
update bench.events set payload = replace(payload, 'KQwB2LkdIwHu7ix', 'KQwB2LkdIwHu7iy'), event_id = replace(event_id, 'KQwB2LkdIwHu7ix', 'KQwB2LkdIwHu7iy') where n <= 3;
vacuum analyze;
