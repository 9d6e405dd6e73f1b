-- Every attack, by someone who logs in directly and sets the victim's claims.
\getenv here PG_ABS_SRCDIR
\set victims :here '/attacks/victims.psql'
\set attacks :here '/attacks/attacks.psql'
\set aftermath :here '/attacks/aftermath.psql'
\i :victims
\c - attack_direct
set role authenticated;
set request.jwt.claims = '{"sub": "victim", "role": "authenticated"}';
set request.jwt.claim.sub = 'victim';
\i :attacks
\c - postgres
\i :aftermath
