-- The same table as payments.checkout_sessions, with the row-level security that a careful app writes by hand: members
-- of a team may insert and see its sessions. It has no guard, no checks and no stamps.
create schema peer;
create table peer.checkout_sessions (like payments.checkout_sessions including defaults including constraints including indexes);
alter table peer.checkout_sessions enable row level security;
create function peer.me() returns text language sql stable
  as $$ select coalesce(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub', '') $$;
create policy own on peer.checkout_sessions for select
  using ((subject_type = 'user' and subject_id = (select peer.me()))
         or (subject_type = 'team' and subject_id in (select m.team_id::text from public.bench_members m
                                                       where m.user_id = (select peer.me()) and m.role = any (array['owner', 'billing']))));
create policy own_insert on peer.checkout_sessions for insert
  with check (status = 'initialized'
              and ((subject_type = 'user' and subject_id = (select peer.me()))
                   or (subject_type = 'team' and exists (select from public.bench_members m
                                                          where m.team_id::text = subject_id and m.user_id = (select peer.me())
                                                            and m.role = any (array['owner', 'billing'])))));
grant usage on schema peer to authenticated;
grant select, insert on peer.checkout_sessions to authenticated;
