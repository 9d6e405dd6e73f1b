-- balance_summed: a subject's balance, of which no single line tells. $1 subject type, $2 subject id text
coalesce((select pg_catalog.sum(l.{delta}) from {target} l
                   where l.{subject_type} = ($1::text)::{subject_type:type} and l.{subject_id} = ($2::text)::{subject_id:type}), 0)::bigint
