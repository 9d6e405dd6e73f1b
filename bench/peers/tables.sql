-- The tables of a careful developer whose shop sells through Stripe: each event once with its body, each payment once, and
-- the orders. :schema is the name of the schema, because two of the peers have the same tables: the handler in JavaScript
-- and the triggers in PL/pgSQL.

create schema :schema;

create table :schema.events (
  id text primary key,
  type text not null,
  created timestamptz not null,
  payload jsonb not null,
  received_at timestamptz not null default now()
);

create table :schema.payments (
  payment_intent text primary key,
  status text not null,
  amount bigint not null,
  currency text not null,
  customer text,
  charge text unique,
  checkout_session text unique,
  customer_email text,
  last_event_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index on :schema.payments (customer);

create table :schema.orders (
  id uuid primary key,
  user_id text not null,
  status text not null default 'pending' check (status in ('pending', 'paid', 'refunded')),
  amount bigint not null,
  currency text not null,
  payment_intent text,
  paid_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index on :schema.orders (user_id);
