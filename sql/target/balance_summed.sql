-- balance_summed: the balance of subject s, of which no single line tells
coalesce((select pg_catalog.sum(l.{delta}) from {target} l
                   where l.{subject_type} operator(pg_catalog.=) s.subject_type and l.{subject_id} operator(pg_catalog.=) s.subject_id), 0)::bigint
