-- An app's tables of every kind, with an enum wherever a table may have one, and a trigger of the app's own that trusts its path.

create role planting_owner nologin;
create schema shop authorization planting_owner;
create type shop.progress as enum ('pending', 'paid', 'refunded', 'canceled');
create type shop.world as enum ('test', 'live');
create type shop.whose as enum ('user', 'team');
create type shop.coin as enum ('usd', 'eur');
create type shop.why as enum ('purchase', 'refund', 'dispute', 'spend', 'adjustment', 'expiry');
create type shop.perk as enum ('course', 'pro');
create type shop.standing as enum ('incomplete', 'incomplete_expired', 'trialing', 'active', 'past_due', 'canceled', 'unpaid', 'paused');
create type shop.rank as enum ('owner', 'guest');

create table shop.orders (
  id uuid primary key, status shop.progress not null default 'pending', amount bigint, currency shop.coin, environment shop.world,
  user_id text, subject_type shop.whose, subject_id text, amount_refunded bigint not null default 0, stripe_checkout_session_id text,
  stripe_payment_intent_id text, paid_at timestamptz, updated_at timestamptz,
  line_items jsonb not null default '[{"price": "price_pack", "quantity": 1}]');
create table shop.ledger (
  id uuid primary key default gen_random_uuid(), subject_type shop.whose not null, subject_id text not null, delta bigint not null,
  balance_after bigint not null, reason shop.why not null, source text not null unique, note text);
create table shop.numbered_ledger (
  id bigint generated always as identity primary key, subject_type shop.whose not null, subject_id text not null, delta bigint not null,
  balance_after bigint not null, reason shop.why not null, source text not null unique, note text);
create table shop.keys (
  user_id text, key shop.perk not null, source text not null, active boolean not null, expires_at timestamptz, starts_at timestamptz,
  subject_type shop.whose, subject_id text, updated_at timestamptz, unique (source, key));
create table shop.billing (
  team_id text primary key, stripe_subscription_id text, status shop.standing, current_period_end timestamptz, cancel_at timestamptz,
  cancel_at_period_end boolean, environment shop.world, updated_at timestamptz);
create table shop.jobs (
  id uuid primary key default gen_random_uuid(), kind text not null, source text not null, payload jsonb not null,
  state text not null default 'pending', attempts integer not null default 0, run_at timestamptz not null default now(),
  last_error text, updated_at timestamptz, unique (source, kind));
create table shop.members (team_id text, user_id text, rank shop.rank);
insert into shop.members values ('t1', 'ada', 'owner');

-- What it does under its path is the app's own affair; that it is called at all shows that the path is the planted one.
create table shop.stamps (n bigint);
create function shop.stamp() returns trigger language plpgsql as $$
begin
  begin
    perform new.amount * interval '1 microsecond';
  exception when others then null;
  end;
  return new;
end
$$;
create trigger stamp before update on shop.orders for each row execute function shop.stamp();

alter table shop.orders owner to planting_owner;
alter table shop.ledger owner to planting_owner;
alter table shop.numbered_ledger owner to planting_owner;
alter table shop.keys owner to planting_owner;
alter table shop.billing owner to planting_owner;
alter table shop.jobs owner to planting_owner;
alter table shop.members owner to planting_owner;
grant usage on schema shop to public;

select payments.attach('orders', 'shop.orders'), payments.attach('credit_ledger', 'shop.ledger'),
       payments.attach('credit_ledger', 'shop.numbered_ledger'), payments.attach('user_entitlements', 'shop.keys'),
       payments.attach('billing_status', 'shop.billing'), payments.attach('fulfillment_jobs', 'shop.jobs');
select payments.protect_subject_type('team', 'shop.members', 'team_id', 'user_id', 'rank', '{owner}');
select payments.set_credit_benefit('test', 'price_pack', 30), payments.set_entitlement_benefit('test', 'price_pack', 'course', '1 month'),
       payments.set_entitlement_benefit('test', 'price_pro', 'pro', past_due => true);
select payments.set_webhook_secret('test', 'whsec_planting');
