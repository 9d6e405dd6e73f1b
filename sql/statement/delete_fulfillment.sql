-- delete_fulfillment: nothing is recorded any more of what a subscription or subject gives. $1 source, $2 kind, $3 target table, $4 item, $5 environment not to touch, text
delete from payments.fulfillments f
 where f.source operator(pg_catalog.=) $1 and f.kind operator(pg_catalog.=) $2 and f.target_table operator(pg_catalog.=) $3
   and f.item operator(pg_catalog.=) $4 and (f.environment operator(pg_catalog.=) $5) is not true
