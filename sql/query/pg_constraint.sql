-- deferrable_constraints: constraints that can be left to the commit, of our tables, attached ones and those that
-- reference either (one JSON object).
with written as (
  select c.oid
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace
   where n.nspname operator(pg_catalog.=) 'payments'::pg_catalog.name
     and c.relkind operator(pg_catalog.=) any (array['r'::pg_catalog."char", 'p'::pg_catalog."char"])
  union
  select a.target::pg_catalog.oid from payments_registry.attachments a
), near as (
  select w.oid from written w
  union
  select c.conrelid
    from pg_catalog.pg_constraint c join written w on w.oid operator(pg_catalog.=) c.confrelid
   where c.contype operator(pg_catalog.=) 'f'::pg_catalog."char"
), found as (
  select distinct pg_catalog.format('%I.%I', n.nspname, c.conname) as name, g.tginitdeferred as waits
    from near t
    join pg_catalog.pg_trigger g on g.tgrelid operator(pg_catalog.=) t.oid and g.tgdeferrable
    join pg_catalog.pg_constraint c on c.oid operator(pg_catalog.=) g.tgconstraint
    join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.connamespace
    -- SET CONSTRAINTS applies to all constraints of a name in its schema, and raises if one of them cannot be deferred. A foreign key with
    -- such a name is left out: writes that do not change its columns still work.
   where not (c.contype operator(pg_catalog.=) 'f'::pg_catalog."char" and exists (
           select from pg_catalog.pg_constraint o
            where o.connamespace operator(pg_catalog.=) c.connamespace and o.conname operator(pg_catalog.=) c.conname
              and not o.condeferrable))
)
select pg_catalog.json_build_object(
  'tables', (select pg_catalog.json_agg(t.oid::pg_catalog.int8) from near t),
  'deferrable', (select pg_catalog.json_agg(distinct f.name) from found f),
  'deferred', (select pg_catalog.json_agg(distinct f.name) from found f where f.waits))::pg_catalog.text;

-- constraints_immediate: checks constraints at once, until the transaction ends; their names are filled in
set constraints {constraints} immediate;

-- constraints_deferred: leaves constraints to the commit again, as they were declared; their names are filled in
set constraints {constraints} deferred;
