-- notify_jobs: wakes the workers when the transaction commits. $1 kind of job text
select pg_catalog.to_json(true)::pg_catalog.text from (select pg_catalog.pg_notify('payments_jobs'::pg_catalog.text, $1)) n;

-- delete_job_fulfillment: deletes the decision on a job that was deleted.
-- $1 environment text, $2 source text, $3 target table text, $4 item text
delete from payments.fulfillments f
 where (f.environment operator(pg_catalog.=) $1) is true and f.source operator(pg_catalog.=) $2 and f.kind operator(pg_catalog.=) 'fulfillment_jobs'
   and f.target_table operator(pg_catalog.=) $3 and f.item operator(pg_catalog.=) $4;

-- add_jobs: adds jobs, one for each source and kind.
-- $1 kinds, $2 sources, $3 payloads text[] (JSON)
insert into {target} ({kind}, {source}, {payload})
select r.kind, r.source, r.payload::pg_catalog.jsonb
  from (select pg_catalog.unnest($1::pg_catalog.text[]) as kind, pg_catalog.unnest($2::pg_catalog.text[]) as source,
               pg_catalog.unnest($3::pg_catalog.text[]) as payload) as r
 where not exists (select from {target} j where j.{kind} operator(pg_catalog.=) r.kind and j.{source} operator(pg_catalog.=) r.source offset 0);

-- find_job: whether there is a job. $1 kind text, $2 source text
select 'true'::pg_catalog.text from {target} j where j.{kind} operator(pg_catalog.=) $1::pg_catalog.text and j.{source} operator(pg_catalog.=) $2::pg_catalog.text limit 1;

-- update_job_order: updates the order in a job that no worker has begun.
-- $1 kind, $2 source, $3 order id or null, text
update {target} j
   set {payload} = pg_catalog.jsonb_set(j.{payload}, array['order_id'], coalesce(pg_catalog.to_jsonb($3::pg_catalog.text), 'null'))
     , {updated_at} = pg_catalog.now()
 where j.{kind} operator(pg_catalog.=) $1::pg_catalog.text and j.{source} operator(pg_catalog.=) $2::pg_catalog.text and j.{state} operator(pg_catalog.=) 'pending' and j.{attempts} operator(pg_catalog.=) 0;

-- delete_unstarted_job: deletes a job that no worker has begun. $1 kind text, $2 source text
delete from {target} j
 where j.{kind} operator(pg_catalog.=) $1::pg_catalog.text and j.{source} operator(pg_catalog.=) $2::pg_catalog.text and j.{state} operator(pg_catalog.=) 'pending' and j.{attempts} operator(pg_catalog.=) 0;

-- update_job_payload: updates the payload of a job that no worker has begun. $1 kind, $2 source, $3 payload text (JSON)
update {target} j
   set {payload} = $3::pg_catalog.jsonb
     , {updated_at} = pg_catalog.now()
 where j.{kind} operator(pg_catalog.=) $1::pg_catalog.text and j.{source} operator(pg_catalog.=) $2::pg_catalog.text and j.{state} operator(pg_catalog.=) 'pending' and j.{attempts} operator(pg_catalog.=) 0;
