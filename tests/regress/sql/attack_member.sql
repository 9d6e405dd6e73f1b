-- Every attack, as a member: signed in, and the owner of a team of his own.
\getenv here PG_ABS_SRCDIR
\set victims :here '/attacks/victims.psql'
\set attacks :here '/attacks/attacks.psql'
\set aftermath :here '/attacks/aftermath.psql'
\i :victims
set role authenticated;
set request.jwt.claims = '{"sub": "member", "role": "authenticated"}';
\i :attacks
\c - postgres
\i :aftermath
