-- entitled_keys: the keys that a user holds now, also through subjects (a JSON array).
-- $1 user, $2 only this key or null text, $3 types, $4 ids of subjects text[]
select coalesce(pg_catalog.json_agg(distinct k.key), '[]')::pg_catalog.text
  from (
    select {e.key:text} as key from {target} e
     where e.{user_id} operator(pg_catalog.=) $1::{user_id:type}
       and ($2::pg_catalog.text is null or {e.key:text} operator(pg_catalog.=) $2::pg_catalog.text)
       and (/* Stripe's clock and ours may differ a little */ e.{starts_at} is null or e.{starts_at} operator(pg_catalog.<=) (pg_catalog.now() operator(pg_catalog.+) interval '5 minutes'))
       and e.{active} and (e.{expires_at} is null or e.{expires_at} operator(pg_catalog.>) pg_catalog.now())
       and (/* what another {subject_id} than a user bought is its members', whoever paid */ e.{subject_type} is null or {e.subject_type:text} operator(pg_catalog.=) 'user')
    union all select {e.key:text} from {target} e join rows from (pg_catalog.unnest($3::{subject_type:type}[]), pg_catalog.unnest($4::{subject_id:type}[])) as s(t, i) on e.{subject_type} operator(pg_catalog.=) s.t and e.{subject_id} operator(pg_catalog.=) s.i where ($2::pg_catalog.text is null or {e.key:text} operator(pg_catalog.=) $2::pg_catalog.text) and e.{active} and (e.{expires_at} is null or e.{expires_at} operator(pg_catalog.>) pg_catalog.now())
  ) k;
