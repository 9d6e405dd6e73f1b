-- forget_payment_job: a job that was taken back was never given. $1 environment text, $2 source text, $3 target text, $4 what text
delete from payments.fulfillments f
 where f.environment is not distinct from $1 and f.source = $2 and f.kind = 'fulfillment_jobs'::text and f.target = $3 and f.what = $4
