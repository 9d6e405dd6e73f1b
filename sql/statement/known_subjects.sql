-- known_subjects: the subjects of a type that a predicate is tried on for a user, at most 10,000. $1 subject_type text, $2 user text
-- What other callers ask for costs them nothing, so that it must cost this one nothing: of sessions only his own are looked at, and a
-- backend's. Of many rows of one subject only the first is read.
with recursive paid (subject_id) as (
  (select p.subject_id from payments.payment_history p
    where p.subject_type operator(pg_catalog.=) $1 and p.subject_id is not null order by p.subject_id limit 1)
  union all
  select (select p.subject_id from payments.payment_history p
           where p.subject_type operator(pg_catalog.=) $1 and p.subject_id operator(pg_catalog.>) k.subject_id
           order by p.subject_id limit 1)
    from paid k where k.subject_id is not null
), subscribed (subject_id) as (
  (select s.subject_id from payments.subscriptions s
    where s.subject_type operator(pg_catalog.=) $1 and s.subject_id is not null order by s.subject_id limit 1)
  union all
  select (select s.subject_id from payments.subscriptions s
           where s.subject_type operator(pg_catalog.=) $1 and s.subject_id operator(pg_catalog.>) k.subject_id
           order by s.subject_id limit 1)
    from subscribed k where k.subject_id is not null
), asked_by_backend (subject_id) as (
  (select c.subject_id from payments.checkout_sessions c
    where c.subject_type operator(pg_catalog.=) $1 and c.subject_id is not null and c.created_by is null
    order by c.subject_id limit 1)
  union all
  select (select c.subject_id from payments.checkout_sessions c
           where c.subject_type operator(pg_catalog.=) $1 and c.subject_id operator(pg_catalog.>) k.subject_id and c.created_by is null
           order by c.subject_id limit 1)
    from asked_by_backend k where k.subject_id is not null
)
select k.subject_id
  from (
    (select 1 as place, s.subject_type, s.subject_id from payments.checkout_sessions s
      where s.created_by operator(pg_catalog.=) $2 order by s.created_at desc limit 1000)
    union all
    (select 1, s.subject_type, s.subject_id from payments.customer_portal_sessions s
      where s.created_by operator(pg_catalog.=) $2 order by s.created_at desc limit 1000)
    union all
    (select 2, $1, m.subject_id from payments.stripe_customer_mappings m
      where m.subject_type operator(pg_catalog.=) $1 order by m.subject_id limit 10000)
    union all
    (select 3, $1, s.subject_id from subscribed s limit 10000)
    union all
    (select 4, $1, p.subject_id from paid p limit 10000)
    union all
    (select 5, $1, c.subject_id from asked_by_backend c limit 10000)
  ) k
 where k.subject_type operator(pg_catalog.=) $1 and k.subject_id is not null
 group by k.subject_id
 order by pg_catalog.min(k.place)
 limit 10000
