-- find_credit: the line of a source, and whether it is of this subject. $1 source, $2 subject type, $3 subject id text
select pg_catalog.json_build_object('delta', l.{delta}, 'balance_after', l.{balance_after}, 'same_subject',
         coalesce(l.{subject_type} operator(pg_catalog.=) $2::{subject_type:type} and l.{subject_id} operator(pg_catalog.=) $3::{subject_id:type}, false))::pg_catalog.text
  from {target} l where l.{source} operator(pg_catalog.=) $1::pg_catalog.text
