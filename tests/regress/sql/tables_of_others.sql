-- A database where another backend's tables have the names of ours: refused with what to do, and then it works.
set client_min_messages = warning;
drop extension payments;
drop schema payments, payments_registry cascade;
create schema payments;
create table payments.stripe_customer_mappings (environment text, subject_type text, subject_id text,
                                                stripe_customer_id text);
create table payments.checkout_sessions (id uuid, url text);
create view payments.summary as select count(*) from payments.checkout_sessions;
create extension payments;
select count(*) as left_by_it from pg_class where relnamespace = 'payments'::regnamespace;
alter schema payments rename to payments_before;
create extension payments;
select count(*) from payments.checkout_sessions;
-- Our own, which an earlier installation left, are found.
drop extension payments;
create extension payments;
-- What is left of one whose own tables are gone is not: it says who may bill, and which tables get what was bought.
drop extension payments;
drop schema payments cascade;
create extension payments;
drop schema payments_registry cascade;
create extension payments;
