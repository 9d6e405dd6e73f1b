-- write_credit: one line of the ledger, unless its source is there already. $1 subject_type, $2 subject_id text, $3 delta bigint, $4 reason, $5 source, $6 note text
insert into {target} (
       {subject_type}, {subject_id}, {delta}, {balance_after}, {reason}
     , {note}
     , {source})
select s.subject_type, s.subject_id, $3::bigint, {balance} operator(pg_catalog.+) $3::bigint, $4::{reason:type}
     , /* {note} */ $6::pg_catalog.text
     , $5::pg_catalog.text
  from (select $1::{subject_type:type} as subject_type, $2::{subject_id:type} as subject_id) as s
on conflict ({source}) do nothing
returning {balance_after}::pg_catalog.text
