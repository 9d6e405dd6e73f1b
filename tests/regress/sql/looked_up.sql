-- What a person asks for is looked up by an index, in a shop of any size: plans are made as if every table were large.
set client_min_messages = warning;
begin;
create function reads(statement text) returns setof text language plpgsql as $$
declare line text;
begin
  for line in execute 'explain (costs off) ' || statement loop
    if line ~ 'Seq Scan|Index Cond' then return next substr(trim(line, ' ->'), 1, 100); end if;
  end loop;
end $$;
select payments.is_admin_role('service_role') as the_library_is_loaded;
set local payments.plan_for_large_tables = on;
-- The sessions of an order.
select reads($$select from payments.checkout_sessions s where s.metadata ->> 'order_id' = 'order-1'$$);
-- The payment of each decision that waits for a person.
select reads($$select r.amount from payments.review r$$);
rollback;
