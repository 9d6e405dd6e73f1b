-- The shop's own tables and functions. With them, the extension payments, PostgREST and payments-bridge, the shop needs no
-- backend code.

set client_min_messages = warning;
create extension if not exists payments;

-- The bridge has its own login role.
do $$
begin
  if not exists (select from pg_roles where rolname = 'shop_bridge') then
    create role shop_bridge login;
  end if;
end
$$;
select payments.grant_role('shop_bridge', 'admin');

-- The app's tables belong to the app's role.
grant create on schema public to project_admin;
set role project_admin;
select payments.create_app_tables();

create table public.team_members (team_id text, user_id text, role text, primary key (team_id, user_id));
create index on public.team_members (user_id);
insert into public.team_members values ('acme', 'ada', 'owner'), ('acme', 'bob', 'member');
select payments.protect_subject_type('team', 'public.team_members', 'team_id', 'user_id', 'role', '{owner}');

-- The items for sale: the part of Stripe's catalog that visitors may see.
create function public.catalog()
  returns table (price text, name text, description text, amount bigint, currency text, recurring text, kind text)
  language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select p.stripe_price_id, d.name, d.description, p.unit_amount, p.currency, p.recurring_interval, d.metadata ->> 'kind'
    from payments.prices p
    join payments.products d on d.environment = p.environment and d.stripe_product_id = p.stripe_product_id
   where p.environment = 'test' and p.active and d.active
$$;
create view public.items as select * from public.catalog();
revoke execute on function public.catalog() from public;
grant execute on function public.catalog() to anon, authenticated;
grant select on public.items to anon, authenticated;

-- Creates an order. The browser may not create one itself: here the amount comes from the catalog, and the owner is the
-- current user. The line items say exactly what must be bought to pay the order.
create function public.order_items(price text, quantity bigint default 1) returns public.orders
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  buyer text := payments.current_user_id();
  ordered text;
  made public.orders;
begin
  if buyer is null or quantity not between 1 and 99
     or not exists (select from public.catalog() c where c.price = order_items.price and c.recurring is null)
  then
    raise exception 'this cannot be ordered' using errcode = 'PT400', detail = format('Price %s, quantity %s.', price, quantity),
      hint = 'Sign in, and choose a price of the catalog.';
  end if;
  ordered := payments.create_order('test', jsonb_build_array(jsonb_build_object('price', price, 'quantity', quantity)), buyer, 'user', buyer);
  select * into made from public.orders o where o.id = ordered::uuid;
  return made;
end
$$;
revoke execute on function public.order_items(text, bigint) from public;
grant execute on function public.order_items(text, bigint) to authenticated;

-- Lessons are for buyers of the course, reports for teams with a plan.
create table public.lessons (title text primary key, body text);
insert into public.lessons values ('Lesson 1', 'select 42'), ('Lesson 2', 'begin; … commit;');
create table public.reports (team_id text, title text);
insert into public.reports values ('acme', 'Acme''s November'), ('globex', 'Globex''s November');
grant select on public.lessons, public.reports to authenticated;
alter table public.lessons enable row level security;
alter table public.reports enable row level security;
create policy bought on public.lessons for select using ((select payments.has_entitlement('course:sql')));
create policy subscribed on public.reports for select using (team_id in (select payments.my_active_subscriptions('team')));
reset role;

-- The benefit of each price.
select payments.set_credit_benefit('test', 'price_pack', 500);
select payments.set_entitlement_benefit('test', 'price_course', 'course:sql');
select payments.set_credit_benefit('test', 'price_plan', 100, until_period_end => true);
select payments.set_entitlement_benefit('test', 'price_team', 'team:pro');
