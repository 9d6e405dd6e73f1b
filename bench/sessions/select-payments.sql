-- All the sessions that a caller may see, out of a million.
begin;
set local role authenticated;
select set_config('request.jwt.claims', '{"sub": "user5", "role": "authenticated"}', true);
select count(*) from payments.checkout_sessions;
commit;
