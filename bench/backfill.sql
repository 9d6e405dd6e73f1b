-- A backfill through sync_stripe_objects, in pages of a thousand as Stripe's list endpoints return them, right after
-- the extension is installed and the tables are analyzed: first a tenth of the pages in one transaction, then all the
-- others, each in a transaction of its own.

create table bench.pages (page int primary key, objects jsonb not null);
insert into bench.pages
select (n - 1) / 1000, jsonb_build_object('object', 'list', 'has_more', true, 'data', jsonb_agg(object order by n))
  from generate_series(1, (:objects * 1.1)::int) n,
       lateral (select case n % 4
         when 0 then jsonb_build_object('id', 'cus_b' || n, 'object', 'customer', 'email', n || '@example.com', 'created', 1752000000, 'livemode', false, 'metadata', '{}'::jsonb)
         when 1 then jsonb_build_object('id', 'ch_b' || n, 'object', 'charge', 'amount', 2000, 'amount_captured', 2000, 'amount_refunded', 0, 'currency', 'usd', 'paid', true, 'captured', true, 'refunded', false, 'status', 'succeeded', 'created', 1752000000, 'livemode', false, 'customer', 'cus_b' || n - 1, 'payment_intent', 'pi_b' || n, 'metadata', '{"insforge_checkout_mode": "payment"}'::jsonb)
         when 2 then jsonb_build_object('id', 'pi_b' || n - 1, 'object', 'payment_intent', 'amount', 2000, 'amount_received', 2000, 'currency', 'usd', 'status', 'succeeded', 'created', 1752000000, 'livemode', false, 'customer', 'cus_b' || n - 2, 'latest_charge', 'ch_b' || n - 1, 'metadata', '{"insforge_checkout_mode": "payment"}'::jsonb)
         else jsonb_build_object('id', 'sub_b' || n, 'object', 'subscription', 'status', 'active', 'customer', 'cus_b' || n - 3, 'created', 1752000000, 'livemode', false, 'cancel_at_period_end', false, 'metadata', '{}'::jsonb,
           'items', jsonb_build_object('object', 'list', 'has_more', false, 'data', jsonb_build_array(jsonb_build_object('id', 'si_b' || n, 'object', 'subscription_item', 'quantity', 1, 'current_period_start', 1752000000, 'current_period_end', 1754592000, 'price', jsonb_build_object('id', 'price_b', 'object', 'price', 'product', 'prod_b')))))
         end) as object(object)
 group by (n - 1) / 1000;
analyze;

create procedure bench.backfill(first int, last int, one_transaction boolean) language plpgsql as $$
declare
  begun timestamptz := clock_timestamp();
  page record;
  seconds numeric;
begin
  for page in select * from bench.pages p where p.page >= first and p.page < last order by p.page loop
    perform payments.sync_stripe_objects('test', page.objects);
    if not one_transaction then commit; end if;
  end loop;
  seconds := extract(epoch from clock_timestamp() - begun);
  raise info '%', format('%-34s %s objects in %s s  %s/s', case when one_transaction then 'backfill, one transaction' else 'backfill, page by page' end,
    (last - first) * 1000, round(seconds, 1), round((last - first) * 1000 / seconds));
end
$$;

call bench.backfill(:objects / 1000, ((:objects * 1.1)::int + 999) / 1000, true);
call bench.backfill(0, :objects / 1000, false);
