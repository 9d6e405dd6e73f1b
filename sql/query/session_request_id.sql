-- id_is_taken: whether a request of another kind has the id of a portal session or a change of a subscription (a JSON boolean).
-- $1 id text, $2 kind of the new request text
select pg_catalog.to_json(
         exists (select from payments.checkout_sessions s where s.id operator(pg_catalog.=) $1::pg_catalog.uuid)
         or $2 operator(pg_catalog.<>) 'portal'
         and exists (select from payments.customer_portal_sessions s where s.id operator(pg_catalog.=) $1::pg_catalog.uuid)
         or $2 operator(pg_catalog.<>) 'subscription'
         and exists (select from payments.subscription_requests s where s.id operator(pg_catalog.=) $1::pg_catalog.uuid))::pg_catalog.text;
