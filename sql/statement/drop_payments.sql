-- drop_payments: rows that turned out to be of a payment that has a row. $1 ids text[]
delete from payments.payment_history p where p.id operator(pg_catalog.=) any ($1::pg_catalog.uuid[])
