-- balance_numbered: the balance of subject s, of which the last line tells
coalesce((select l.{balance_after} from {target} l
                   where l.{subject_type} operator(pg_catalog.=) s.subject_type and l.{subject_id} operator(pg_catalog.=) s.subject_id
                   order by l.{id} desc limit 1), 0::bigint)

-- balance_summed: the balance of subject s, of which no single line tells
coalesce((select pg_catalog.sum(l.{delta}) from {target} l
                   where l.{subject_type} operator(pg_catalog.=) s.subject_type and l.{subject_id} operator(pg_catalog.=) s.subject_id), 0)::bigint

-- order_row: what of an order decides who pays it, one to a line, for a JSON object
  'status', {status:text},
  'amount', {amount}::bigint,
  'currency', {currency:text},
  'environment', {environment:text},
  'user_id', {user_id:text},
  'subject_type', {subject_type:text},
  'subject_id', {subject_id:text},
  'line_items', {line_items},
  'at', null
