-- Code generators read the catalog, and stumble over the types that the server made for itself (regclass, name, oid and
-- the like). Columns of tables and views, and results of functions that a role of the app may call, have none of them.

create temporary view stumbled_over as
with recursive stumbling (type) as (
  select t::regtype::oid
    from unnest('{oid,name,regclass,regcollation,regconfig,regdictionary,regnamespace,regoper,regoperator,regproc,
                  regprocedure,regrole,regtype}'::text[]) t
  union
  select t.oid from stumbling s join pg_type t on s.type in (t.typelem, t.typbasetype)
), seen as (
  select c.oid::regclass::text as object, a.attname::text as column_name, a.atttypid as type
    from pg_class c join pg_attribute a on a.attrelid = c.oid
   where c.relnamespace = 'payments'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
     and a.attnum > 0 and not a.attisdropped
  union all
  select p.oid::regprocedure::text, r.name, r.type
    from pg_proc p
   cross join lateral (
     select 'its result' as name, p.prorettype as type
     union all
     select a.name, a.type from unnest(p.proargnames, p.proallargtypes, p.proargmodes) as a (name, type, mode)
      where a.mode in ('o', 'b', 't')) r
   where p.pronamespace = 'payments'::regnamespace
     and exists (select from payments.granted_roles g
                   join pg_roles o on o.rolname = g.role and has_function_privilege(o.oid, p.oid, 'EXECUTE'))
)
select s.object, s.column_name, format_type(s.type, null) as type
  from seen s
 where s.type in (select l.type from stumbling l);

select * from stumbled_over order by object collate "C", column_name collate "C";

-- What has one is noticed: in a table, in a view, as a result, in a row of a result, in an array and below a domain.
begin;
create domain payments.owner_number as oid;
create table payments.noticed_table (owner payments.owner_number, words text);
create view payments.noticed_view as select relname, array[oid] as numbers, relname::text as words from pg_class;
create function payments.noticed_result() returns setof regclass language sql as $$ select 'pg_class'::regclass $$;
create function payments.noticed_row(name text, out words text, out role regrole) language sql
  as $$ select $1, null::regrole $$;
create function payments.unseen() returns name language sql as $$ select 'nobody may call it'::name $$;
revoke execute on function payments.unseen() from public;
select * from stumbled_over where object ~ 'noticed|unseen' order by object collate "C", column_name collate "C";
rollback;
