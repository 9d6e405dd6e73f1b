-- What was looked up before a rollback is not remembered after it: a membership, a registration, a predicate that were
-- undone bill nobody.
begin isolation level repeatable read;
create table public.members (team_id text, user_id text);
insert into public.members values ('t0', 'ada');
create function public.asked(kind text) returns text[] language sql as $$
  select array(select payments.my_subjects(kind) order by 1) $$;
select payments.protect_subject_type('team', 'public.members', 'team_id', 'user_id');
set local request.jwt.claims = '{"sub": "ada"}';
select asked('team');
-- Undone by a savepoint, in either direction; by a block that catches an error.
savepoint one;
insert into public.members values ('t1', 'ada');
select asked('team') as within, payments.owns_subject('team', 't1');
rollback to one;
select asked('team') as undone, payments.owns_subject('team', 't1');
savepoint two;
delete from public.members;
select asked('team') as within, payments.owns_subject('team', 't0');
rollback to two;
select asked('team') as undone, payments.owns_subject('team', 't0');
-- In one query, under one snapshot.
create function public.in_vain() returns text[] language plpgsql as $$
declare found text[];
begin
  begin
    insert into public.members values ('t1', 'ada');
    found := asked('team');
    raise exception 'in vain';
  exception when raise_exception then
    return found || array[payments.owns_subject('team', 't1')::text];
  end;
end $$;
select in_vain(), asked('team');
do $$
begin
  begin
    insert into public.members values ('t1', 'ada');
    perform payments.my_subjects('team');
    raise exception 'in vain';
  exception when raise_exception then
    raise notice 'undone: %, may bill: %', asked('team'), payments.owns_subject('team', 't1');
  end;
end $$;
-- A membership that was undone opens no session.
savepoint three;
insert into public.members values ('t1', 'ada');
select asked('team') as within;
rollback to three;
savepoint four;
set local role authenticated;
select payments.create_checkout_session('test', 'payment', '[{"price": "p", "quantity": 1}]', 'https://a.example/',
                                        'https://a.example/', 'team', 't1');
rollback to four;
reset role;
-- A registration that was undone, and one that was taken back in vain.
savepoint five;
create table public.others (team_id text, user_id text);
insert into public.others values ('t9', 'ada');
select payments.protect_subject_type('team', 'public.others', 'team_id', 'user_id');
select asked('team') as within;
rollback to five;
select asked('team') as undone;
savepoint six;
select payments.unprotect_subject_type('team');
select asked('team') as within;
rollback to six;
select asked('team') as undone;
rollback;

-- The same under read committed, and over the end of a transaction.
create table public.members (team_id text, user_id text);
select payments.protect_subject_type('team', 'public.members', 'team_id', 'user_id');
set request.jwt.claims = '{"sub": "ada"}';
begin;
savepoint one;
insert into public.members values ('t1', 'ada');
select payments.my_subjects('team');
rollback to one;
select payments.owns_subject('team', 't1') as undone;
insert into public.members values ('t2', 'ada');
select payments.my_subjects('team');
rollback;
select payments.owns_subject('team', 't2') as undone;
begin;
create function public.may_bill(text, text) returns boolean language sql as 'select true';
select payments.protect_subject_type('shop', 'public.may_bill(text,text)');
select payments.owns_subject('shop', 's1') as within;
rollback;
select payments.owns_subject('shop', 's1') as undone;
