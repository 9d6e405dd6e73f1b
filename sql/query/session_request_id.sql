-- id_is_taken: whether a request of another kind has an id (a JSON boolean). $1 id text, $2 kind of the new request text
select pg_catalog.to_json(
         $2 operator(pg_catalog.<>) 'checkout'
         and exists (select from payments.checkout_sessions s where s.id operator(pg_catalog.=) $1::pg_catalog.uuid)
         or $2 operator(pg_catalog.<>) 'portal'
         and exists (select from payments.customer_portal_sessions s where s.id operator(pg_catalog.=) $1::pg_catalog.uuid)
         or $2 operator(pg_catalog.<>) 'subscription'
         and exists (select from payments.subscription_requests s where s.id operator(pg_catalog.=) $1::pg_catalog.uuid))::pg_catalog.text;
