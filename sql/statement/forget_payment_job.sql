-- forget_payment_job: a job that was taken back was never given. $1 environment text, $2 source text, $3 target text, $4 what text
delete from payments.fulfillments f
 where (f.environment operator(pg_catalog.=) $1) is true and f.source operator(pg_catalog.=) $2 and f.kind operator(pg_catalog.=) 'fulfillment_jobs'
   and f.target operator(pg_catalog.=) $3 and f.what operator(pg_catalog.=) $4
