-- find_lots: what of a subject's credits lapses (JSON objects). $1 target table, $2 subject type, $3 subject id text
select pg_catalog.json_build_object(
  'environment', l.environment, 'source', l.source, 'amount', l.amount, 'lapsed', l.lapsed, 'settled', l.settled,
  'lapsed_at', (extract(epoch from l.lapsed_at) operator(pg_catalog.*) 1000000)::bigint,
  'starts_at', (extract(epoch from l.starts_at) operator(pg_catalog.*) 1000000)::bigint,
  'expires_at', (extract(epoch from l.expires_at) operator(pg_catalog.*) 1000000)::bigint,
  'now', (extract(epoch from pg_catalog.now()) operator(pg_catalog.*) 1000000)::bigint)::pg_catalog.text
  from payments.credit_lots l
 where l.subject_id operator(pg_catalog.=) $3 and l.subject_type operator(pg_catalog.=) $2 and l.target_table operator(pg_catalog.=) $1
 order by l.source;

-- upsert_lots: grants that lapse.
-- $1 environments, $2 sources, $3 target tables, $4 subject types, $5 subject ids text[], $6 amounts bigint[],
-- $7 starts_at, $8 expires_at timestamptz[]
insert into payments.credit_lots as l
  (environment, source, target_table, subject_type, subject_id, amount, starts_at, expires_at)
select r.environment, r.source, r.target_table, r.subject_type, r.subject_id, r.amount, r.starts_at, r.expires_at
  from (select pg_catalog.unnest($1::pg_catalog.text[]) as environment, pg_catalog.unnest($2::pg_catalog.text[]) as source,
               pg_catalog.unnest($3::pg_catalog.text[]) as target_table, pg_catalog.unnest($4::pg_catalog.text[]) as subject_type,
               pg_catalog.unnest($5::pg_catalog.text[]) as subject_id, pg_catalog.unnest($6::bigint[]) as amount,
               pg_catalog.unnest($7::pg_catalog.timestamptz[]) as starts_at, pg_catalog.unnest($8::pg_catalog.timestamptz[]) as expires_at) as r
on conflict (source, target_table, environment) do update
   set subject_type = excluded.subject_type, subject_id = excluded.subject_id, amount = excluded.amount,
       starts_at = excluded.starts_at, expires_at = excluded.expires_at, settled = false;

-- update_lots: how many credits of grants lapsed by now, and whether that can still change.
-- $1 environments, $2 sources, $3 target tables text[], $4 how many, $5 1 where it cannot bigint[]
update payments.credit_lots l
   set lapsed = r.lapsed, settled = r.settled operator(pg_catalog.=) 1,
       lapsed_at = case when r.lapsed is not null then coalesce(l.lapsed_at, pg_catalog.now()) end
  from (select pg_catalog.unnest($1::pg_catalog.text[]) as environment, pg_catalog.unnest($2::pg_catalog.text[]) as source,
               pg_catalog.unnest($3::pg_catalog.text[]) as target_table, pg_catalog.unnest($4::bigint[]) as lapsed,
               pg_catalog.unnest($5::bigint[]) as settled) as r
 where l.source operator(pg_catalog.=) r.source and l.target_table operator(pg_catalog.=) r.target_table
   and (l.environment operator(pg_catalog.=) r.environment) is true;

-- delete_lots: grants that are nobody's any more; what was spent of them may have been spent of those that stood since.
-- $1 environment, $2 target table text, $3 sources text[]
with gone as (
  delete from payments.credit_lots l
   where l.source operator(pg_catalog.=) any ($3::pg_catalog.text[]) and l.target_table operator(pg_catalog.=) $2
     and (l.environment operator(pg_catalog.=) $1) is true
  returning l.subject_type, l.subject_id, l.starts_at
)
update payments.credit_lots l
   set settled = false
  from (select g.subject_type, g.subject_id, pg_catalog.min(g.starts_at) as starts_at from gone g group by g.subject_type, g.subject_id) as g
 where l.subject_id operator(pg_catalog.=) g.subject_id and l.subject_type operator(pg_catalog.=) g.subject_type
   and l.target_table operator(pg_catalog.=) $2 and l.expires_at operator(pg_catalog.>=) g.starts_at and l.settled
   and not ((l.environment operator(pg_catalog.=) $1) is true and l.source operator(pg_catalog.=) any ($3::pg_catalog.text[]));

-- ledger_lines: a subject's balance, and its lines since a time, and up to two days more, but for what lapsed (a JSON object): a ledger
-- may have times of another zone. $1 subject type, $2 subject id text, $3 since timestamptz
select pg_catalog.json_build_object('balance', {balance}, 'lines', (
  select coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(
           coalesce(l.{delta}, 0), coalesce({l.reason:text}, ''), coalesce(l.{source}, '')
         , (greatest(least(coalesce(extract(epoch from l.{created_at}), -8e12), 8e12), -8e12) operator(pg_catalog.*) 1000000)::bigint
         )), '[]')
    from {target} l
   where l.{subject_type} operator(pg_catalog.=) s.subject_type and l.{subject_id} operator(pg_catalog.=) s.subject_id
     and l.{created_at} operator(pg_catalog.>=) ($3::pg_catalog.timestamptz operator(pg_catalog.-) interval '2 days')
     and coalesce(pg_catalog.starts_with(l.{source}, 'expiry:'), false) is false))::pg_catalog.text
  from (select $1::{subject_type:type} as subject_type, $2::{subject_id:type} as subject_id) as s;
