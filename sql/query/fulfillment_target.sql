-- balance_numbered: the balance of subject s, which the last line has
coalesce((select l.{balance_after} from {target} l
                   where l.{subject_type} operator(pg_catalog.=) s.subject_type and l.{subject_id} operator(pg_catalog.=) s.subject_id
                   order by l.{id} desc limit 1), 0::bigint)

-- balance_summed: the balance of subject s as the sum of its lines
coalesce((select pg_catalog.sum(l.{delta}) from {target} l
                   where l.{subject_type} operator(pg_catalog.=) s.subject_type and l.{subject_id} operator(pg_catalog.=) s.subject_id), 0)::bigint

-- order_row: the columns of an order that decide which payment pays it, one on each line, for a JSON object
  'status', {status:text},
  'amount', {amount}::bigint,
  'currency', {currency:text},
  'environment', {environment:text},
  'user_id', {user_id:text},
  'subject_type', {subject_type:text},
  'subject_id', {subject_id:text},
  'line_items', {line_items},
  'at', null
