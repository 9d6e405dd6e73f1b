-- write_credits: lines of the ledger in their order, but for those whose source is there already. $1 JSON array of {n bigint, subject_type, subject_id text, delta bigint, source text}
insert into {target} (
       {subject_type}, {subject_id}, {delta}, {balance_after}, {reason}
     , {note}
     , {source})
select (s.subject_type)::{subject_type:type}, (s.subject_id)::{subject_id:type}, s.delta
     , {balance} + (pg_catalog.sum(s.delta) over (
         partition by (s.subject_type)::{subject_type:type}, (s.subject_id)::{subject_id:type} order by s.n))::bigint
     , ('purchase'::text)::{reason:type}
     , /* {note} */ null::text
     , s.source
  from pg_catalog.json_to_recordset($1::json) as s (n bigint, subject_type text, subject_id text, delta bigint, source text)
 order by s.n
on conflict ({source}) do nothing
