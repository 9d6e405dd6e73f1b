-- products_give: whether any product gives credits, and whether any gives keys. $1 environment text
select pg_catalog.json_build_object(
  'credits', exists (select from payments.benefits b where (b.environment operator(pg_catalog.=) $1) is true and b.stripe_product_id is not null and b.key is null),
  'keys', exists (select from payments.benefits b
   where (b.environment operator(pg_catalog.=) $1) is true and b.stripe_product_id is not null and b.key is not null))::pg_catalog.text
