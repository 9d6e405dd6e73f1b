-- views_read: the views that a view reads through, itself included, and whether one asks with its reader's rights (one JSON object).
-- $1 relation text
select pg_catalog.json_build_object(
         'views', pg_catalog.json_agg(v.relation::pg_catalog.int8),
         'asks_as_invoker', pg_catalog.bool_or(v.asks_as_invoker))::pg_catalog.text
  from payments.views_read($1::pg_catalog.oid) v
