-- forget_skipped: lets a purchase be looked at as if it were new. $1 environment, $2 source text
delete from payments.fulfillments f
 where f.environment is not distinct from $1 and f.source = $2 and f.state = 'skipped'::text
   and (f.what = 'nothing'::text or pg_catalog.starts_with(f.what, 'undecided:'::text))
