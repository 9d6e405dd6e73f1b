-- Every attack, as a non-member: signed in, and in no team.
\getenv here PG_ABS_SRCDIR
\set victims :here '/attacks/victims.psql'
\set attacks :here '/attacks/attacks.psql'
\set aftermath :here '/attacks/aftermath.psql'
\i :victims
set role authenticated;
set request.jwt.claims = '{"sub": "outsider", "role": "authenticated"}';
\i :attacks
\c - postgres
\i :aftermath
