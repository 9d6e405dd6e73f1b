-- delete_skipped_fulfillments: lets a purchase be looked at as if it were new. $1 environment, $2 source text
delete from payments.fulfillments f
 where (f.environment operator(pg_catalog.=) $1) is true and f.source operator(pg_catalog.=) $2 and f.state operator(pg_catalog.=) 'skipped'
   and (f.item operator(pg_catalog.=) 'nothing' or pg_catalog.starts_with(f.item, 'undecided:'))
