-- entitled_keys: the keys that a user holds now, also through subjects (a JSON array). $1 user, $2 only this key or null text, $3 types, $4 ids of subjects text[]
select coalesce(pg_catalog.json_agg(distinct k.key), '[]')::text
  from (
    select e.{key}::text as key from {target} e
     where e.{user_id} = ($1::text)::{user_id:type}
       and ($2::text is null or e.{key}::text = $2::text)
       and (/* Stripe's clock and ours may differ a little */ e.{starts_at} is null or e.{starts_at} <= pg_catalog.now() + interval '5 minutes')
       and e.{active} and (e.{expires_at} is null or e.{expires_at} > pg_catalog.now())
       and (/* what another {subject_id} than a user bought is its members', whoever paid */ e.{subject_type} is null or e.{subject_type}::text = 'user')
    union all select e.{key}::text from {target} e join rows from (pg_catalog.unnest($3::text[]), pg_catalog.unnest($4::text[])) as s(t, i) on e.{subject_type} = s.t::{subject_type:type} and e.{subject_id} = s.i::{subject_id:type} where ($2::text is null or e.{key}::text = $2::text) and e.{active} and (e.{expires_at} is null or e.{expires_at} > pg_catalog.now())
  ) k
