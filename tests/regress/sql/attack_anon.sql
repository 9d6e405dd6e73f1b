-- Every attack, as a guest.
\getenv here PG_ABS_SRCDIR
\set victims :here '/attacks/victims.psql'
\set attacks :here '/attacks/attacks.psql'
\set aftermath :here '/attacks/aftermath.psql'
\i :victims
set role anon;
set request.jwt.claims = '{"role": "anon"}';
\i :attacks
\c - postgres
\i :aftermath
