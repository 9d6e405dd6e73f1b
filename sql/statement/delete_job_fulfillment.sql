-- delete_job_fulfillment: a job that was deleted was never given. $1 environment text, $2 source text, $3 target table text, $4 item text
delete from payments.fulfillments f
 where (f.environment operator(pg_catalog.=) $1) is true and f.source operator(pg_catalog.=) $2 and f.kind operator(pg_catalog.=) 'fulfillment_jobs'
   and f.target_table operator(pg_catalog.=) $3 and f.item operator(pg_catalog.=) $4
