-- forget_recovered: it waits no more. $1 environment text, $2 source text
delete from payments.fulfillments f
 where (f.environment operator(pg_catalog.=) $1) is true and f.source operator(pg_catalog.=) $2 collate pg_catalog."C"
   and f.kind operator(pg_catalog.=) 'checkout_sessions'
