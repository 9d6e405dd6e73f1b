-- Last of all: what the script made is given to payments_owner, the tables stop being members of the extension, and
-- nothing is executable by PUBLIC.

do $install$
declare
  object record;
begin
  for object in
    select c.oid::regclass as name, c.relkind, d.objid is not null as member
      from pg_catalog.pg_class c
      left join pg_catalog.pg_depend d
        on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
     where c.relnamespace = 'payments'::regnamespace and c.relkind in ('r', 'v', 'S')
       and c.relname <> 'webhook_secrets'
       and not exists (select from pg_catalog.pg_depend i where i.objid = c.oid and i.deptype = 'i')
     order by c.relkind = 'r' desc
  loop
    if object.member then
      execute format('alter extension payments drop %s %s',
                     case object.relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end, object.name);
    end if;
    execute format('alter %s %s owner to payments_owner',
                   case object.relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end, object.name);
  end loop;

  for object in
    select p.oid::regprocedure as name
      from pg_catalog.pg_proc p
      join pg_catalog.pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
      join pg_catalog.pg_extension e on e.oid = d.refobjid and e.extname = 'payments'
  loop
    execute format('alter function %s owner to payments_owner', object.name);
    execute format('revoke all on function %s from public', object.name);
  end loop;
end
$install$;
