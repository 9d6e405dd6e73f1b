-- order_row: what of an order decides who pays it, one to a line, for a JSON object
  'status', {status}::pg_catalog.text,
  'amount', {amount}::bigint,
  'currency', {currency}::pg_catalog.text,
  'environment', {environment}::pg_catalog.text,
  'user_id', {user_id}::pg_catalog.text,
  'subject_type', {subject_type}::pg_catalog.text,
  'subject_id', {subject_id}::pg_catalog.text,
  'at', null
