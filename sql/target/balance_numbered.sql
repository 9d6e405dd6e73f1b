-- balance_numbered: the balance of subject s, of which the last line tells
coalesce((select l.{balance_after} from {target} l
                   where l.{subject_type} operator(pg_catalog.=) s.subject_type and l.{subject_id} operator(pg_catalog.=) s.subject_id
                   order by l.{id} desc limit 1), 0::bigint)
