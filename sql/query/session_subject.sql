-- predicate: the function that is of this name now, as a number. $1 signature text
-- By its names, as to_regprocedure() raises where our owner has no USAGE on the app's schema.
select p.oid::pg_catalog.text
  from pg_catalog.parse_ident($1, false) as named (parts)
  join pg_catalog.pg_proc p on p.proname operator(pg_catalog.=) named.parts[2]::pg_catalog.name
  join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace
   and n.nspname operator(pg_catalog.=) named.parts[1]::pg_catalog.name
 where p.proargtypes operator(pg_catalog.=) '25 25'::pg_catalog.oidvector
   and p.prorettype operator(pg_catalog.=) 'boolean'::pg_catalog.regtype
   and p.prokind operator(pg_catalog.=) 'f'
   and not p.proretset;

-- known_subjects: the subjects of a type that a predicate is tried on for a user, at most 10,000.
-- $1 subject_type text, $2 user text
-- What other callers ask for costs them nothing, so that it must cost this one nothing: of sessions only his own are
-- looked at, and a
-- backend's. Of many rows of one subject only the first is read.
with recursive subscribed (subject_id) as (
  (select s.subject_id from payments.subscriptions s
    where s.subject_type operator(pg_catalog.=) $1 and s.subject_id is not null order by s.subject_id limit 1)
  union all
  select (select s.subject_id from payments.subscriptions s
           where s.subject_type operator(pg_catalog.=) $1 and s.subject_id operator(pg_catalog.>) k.subject_id
           order by s.subject_id limit 1)
    from subscribed k where k.subject_id is not null
), invoiced (subject_id) as (
  (select i.subject_id from payments.invoices i
    where i.subject_type operator(pg_catalog.=) $1 and i.subject_id is not null order by i.subject_id limit 1)
  union all
  select (select i.subject_id from payments.invoices i
           where i.subject_type operator(pg_catalog.=) $1 and i.subject_id operator(pg_catalog.>) k.subject_id
           order by i.subject_id limit 1)
    from invoiced k where k.subject_id is not null
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
    (select 4, $1, i.subject_id from invoiced i limit 10000)
    union all
    (select 5, $1, c.subject_id from asked_by_backend c limit 10000)
  ) k
 where k.subject_type operator(pg_catalog.=) $1 and k.subject_id is not null
 group by k.subject_id
 order by pg_catalog.min(k.place)
 limit 10000;

-- registered_subject_types: every type of subject that was registered.
select t.subject_type from payments_registry.subject_types t order by t.subject_type collate pg_catalog."C";
