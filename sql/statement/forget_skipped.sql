-- forget_skipped: lets a purchase be looked at as if it were new. $1 environment, $2 source, $3 kind text
delete from payments.fulfillments f
 where f.environment = $1 and f.source = $2 and f.kind = $3 and f.state = 'skipped'::text and f.what = 'nothing'::text
