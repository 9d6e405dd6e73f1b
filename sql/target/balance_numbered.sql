-- balance_numbered: a subject's balance, of which the last line tells. $1 subject type, $2 subject id text
coalesce((select l.{balance_after} from {target} l
                   where l.{subject_type} = ($1::text)::{subject_type:type} and l.{subject_id} = ($2::text)::{subject_id:type}
                   order by l.{id} desc limit 1), 0::bigint)
