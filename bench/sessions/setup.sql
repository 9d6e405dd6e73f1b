-- Teams and their members, the subject type, a catalog, and a million sessions in both tables.
create table public.bench_members (team_id uuid, user_id text, role text, primary key (team_id, user_id));
insert into public.bench_members
select md5('team' || t)::uuid, 'user' || (t % 2000 * 5 + u), case u when 0 then 'owner' else 'viewer' end
  from generate_series(1, 10000) t, generate_series(0, 4) u on conflict do nothing;
create index on public.bench_members (user_id);
alter table public.bench_members enable row level security;
create policy own on public.bench_members using (true);
grant select on public.bench_members to authenticated;
select payments.protect_subject_type('team', 'public.bench_members', 'team_id', 'user_id', 'role', array['owner', 'billing']);
insert into payments.prices (environment, stripe_price_id, stripe_product_id, type)
select 'test', 'price_' || n, 'prod_' || n, 'one_time' from generate_series(1, 200) n;
\ir peer.sql
alter table payments.checkout_sessions disable trigger payments_guard;
-- The sessions were created last year and have ended, because a caller may have at most 100 open ones.
insert into payments.checkout_sessions
  (created_at, environment, mode, status, subject_type, subject_id, line_items, success_url, cancel_url, created_by)
select now() - n * interval '30 seconds', 'test', 'payment', 'expired', case when n % 10 = 0 then 'user' else 'team' end,
       case when n % 10 = 0 then 'user' || n % 10000 else md5('team' || n % 10000)::uuid::text end,
       '[{"price": "price_1", "quantity": 1}]', 'https://app.example.com/paid', 'https://app.example.com/cart', 'user' || n % 10000
  from generate_series(1, 1000000) n;
alter table payments.checkout_sessions enable trigger payments_guard;
insert into peer.checkout_sessions select * from payments.checkout_sessions;
vacuum (analyze) payments.checkout_sessions, peer.checkout_sessions, public.bench_members;
