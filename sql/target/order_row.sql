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
