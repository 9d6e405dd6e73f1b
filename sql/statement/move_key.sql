-- move_key: gives a checkout session another form of its idempotency key, and shows it to no guest who does not see it already. $1 id text, $2 key text
update payments.checkout_sessions
   set idempotency_key = $2,
       guest_transaction = case when updated_at operator(pg_catalog.=) pg_catalog.now()
                                 and guest_transaction operator(pg_catalog.=) pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text::pg_catalog.int8
                                then guest_transaction end
 where id operator(pg_catalog.=) $1::pg_catalog.uuid
