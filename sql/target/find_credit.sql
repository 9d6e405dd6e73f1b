-- find_credit: the line of a source, and whether it is of this subject. $1 source, $2 subject type, $3 subject id text
select pg_catalog.json_build_object('delta', l.{delta}, 'balance_after', l.{balance_after}, 'same_subject',
         coalesce(l.{subject_type} = ($2::text)::{subject_type:type} and l.{subject_id} = ($3::text)::{subject_id:type}, false))::text
  from {target} l where l.{source} = $1::text
