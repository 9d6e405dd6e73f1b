-- forget_fulfillment: there is nothing to say any more of what a subscription or subject gives. $1 source, $2 kind, $3 target, $4 what, $5 environment not to touch, text
delete from payments.fulfillments f
 where f.source = $1 and f.kind = $2 and f.target = $3 and f.what = $4 and f.environment is distinct from $5
