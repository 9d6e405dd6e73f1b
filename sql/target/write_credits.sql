-- write_credits: lines of the ledger in their order, but for those whose source is there already. $1 JSON array of {n bigint, subject_type, subject_id text, delta bigint, source text}
insert into {target} (
       {subject_type}, {subject_id}, {delta}, {balance_after}, {reason}
     , {note}
     , {source})
select s.subject_type, s.subject_id, s.delta
     , {balance} operator(pg_catalog.+) (pg_catalog.sum(s.delta) over (
         partition by s.subject_type, s.subject_id order by s.n))::bigint
     , 'purchase'::{reason:type}
     , /* {note} */ null::pg_catalog.text
     , s.source
  from pg_catalog.json_to_recordset($1::pg_catalog.json) as s (
         n bigint, subject_type {subject_type:type}, subject_id {subject_id:type}, delta bigint, source pg_catalog.text)
 order by s.n
on conflict ({source}) do nothing
