set local search_path = pg_catalog, pg_temp;

-- Last of all: the tables are payments_owner's, the functions stay with who installs them, row security is forced, the app's roles
-- get theirs, and the tables stop being members of the extension.

do $install$
declare
  object record;
  known record;
  known_roles constant name[] := array['anon', 'authenticated', 'project_admin', 'service_role', 'authenticator'];
begin
  -- Default privileges of the database may have granted anything on what the script made (all of it members now; a table that
  -- was found is none, and keeps what was granted on it). Nobody but the owner has any before the app's roles get theirs.
  for object in
    select distinct format('revoke all on %s %s from %s cascade', m.kind, m.name,
                           case e.grantee when 0 then 'public' else e.grantee::regrole::text end) as revoke
      from (
        select d.classid, d.objid from pg_catalog.pg_depend d join pg_catalog.pg_extension x on x.oid = d.refobjid
         where x.extname = 'payments' and d.refclassid = 'pg_extension'::regclass and d.deptype = 'e') made
     cross join lateral (
        select case c.relkind when 'S' then 'sequence' else 'table' end, c.oid::regclass::text, c.relowner,
               coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner))
          from pg_catalog.pg_class c
         where made.classid = 'pg_class'::regclass and c.oid = made.objid and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
        union all
        select 'routine', p.oid::regprocedure::text, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
          from pg_catalog.pg_proc p where made.classid = 'pg_proc'::regclass and p.oid = made.objid
        union all
        select 'type', format_type(t.oid, null), t.typowner, coalesce(t.typacl, acldefault('T', t.typowner))
          from pg_catalog.pg_type t
         where made.classid = 'pg_type'::regclass and t.oid = made.objid
           -- An array type has the privileges of its elements; since 18 it is a member too.
           and not exists (select from pg_catalog.pg_type e where e.typarray = t.oid)
        union all
        select 'schema', quote_ident(n.nspname), n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner))
          from pg_catalog.pg_namespace n where made.classid = 'pg_namespace'::regclass and n.oid = made.objid
      ) m (kind, name, owner, acl)
     cross join lateral aclexplode(m.acl) e
     where e.grantee <> m.owner
  loop
    execute object.revoke;
  end loop;

  for object in
    select c.oid::regclass as name, c.relkind
      from pg_catalog.pg_class c
     where c.relnamespace in (select payments.table_schemas()) and c.relkind in ('r', 'v')
     order by c.relkind = 'r' desc
  loop
    execute format('alter %s %s owner to payments_owner', case object.relkind when 'v' then 'view' else 'table' end, object.name);
  end loop;

  -- payments_owner makes triggers of our functions; payments_definer may call whatever is no body of another function: that is called
  -- by C alone.
  for object in
    select p.oid::regprocedure as name, p.proname ~ '_body$' as is_body
      from pg_catalog.pg_proc p
     where p.pronamespace = 'payments'::regnamespace
       and (p.proname in ('caller', 'caller_subjects', 'caller_owns', 'caller_is_admin', 'caller_usable_subjects',
                         'caller_access_until')
            or exists (select from pg_catalog.pg_depend d
                         join pg_catalog.pg_extension e on e.oid = d.refobjid and e.extname = 'payments'
                        where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'))
  loop
    if not object.is_body then
      execute format('grant execute on function %s to payments_owner, payments_definer, payments_registrar', object.name);
    end if;
  end loop;
  for object in select n.nspname as name from pg_catalog.pg_namespace n where n.oid in (select payments.table_schemas()) loop
    execute format('grant usage on schema %I to payments_definer, payments_registrar', object.name);
  end loop;

  if current_setting('row_security') <> 'off' then
    for object in
      select c.oid::regclass as name, c.oid as relid, c.relname
        from pg_catalog.pg_class c
       where c.relnamespace in (select payments.table_schemas()) and c.relkind = 'r'
    loop
      execute format('alter table %s enable row level security', object.name);
      execute format('alter table %s force row level security', object.name);
      if not exists (select from pg_catalog.pg_policy where polrelid = object.relid and polname = 'payments') then
        if object.relname in ('granted_roles', 'subject_types', 'attachments') then
          execute format('grant select on %s to payments_definer', object.name);
          execute format('grant select, insert, update, delete on %s to payments_registrar', object.name);
          execute format('create policy payments on %s for select to payments_owner, payments_definer using (true)', object.name);
          execute format('create policy payments_registrar on %s to payments_registrar using (true) with check (true)', object.name);
        else
          execute format('grant select, insert, update, delete on %s to payments_definer', object.name);
          execute format('create policy payments on %s to payments_owner, payments_definer using (true) with check (true)', object.name);
        end if;
      end if;
      if not exists (select from pg_catalog.pg_trigger where tgrelid = object.relid and tgname = 'payments_truncate') then
        execute format('create trigger payments_truncate before truncate on %s for each statement '
                       'execute function payments.refuse_truncate()', object.name);
        execute format('alter trigger payments_truncate on %s depends on extension payments', object.name);
      end if;
      if exists (select from pg_catalog.pg_attribute where attrelid = object.relid and attname = 'updated_at' and not attisdropped)
         and not exists (select from pg_catalog.pg_trigger where tgrelid = object.relid and tgname = 'payments_touch_updated_at')
      then
        -- Our own statements say the time themselves, which is a tenth of what the trigger costs.
        execute format('create trigger payments_touch_updated_at before update on %s for each row '
                       'when (new.updated_at is distinct from now()) execute function payments.touch_updated_at()', object.name);
        execute format('alter trigger payments_touch_updated_at on %s depends on extension payments', object.name);
      end if;
    end loop;
    -- explain() and doctor() read the first two, and triggers of an app may read all.
    grant select on payments.review, payments.unfulfilled_payments, payments.attachments, payments.subject_types to payments_definer;
  end if;

  for known in
    select r.oid::regrole as role, w.as_
      from unnest(known_roles, array['guest', 'member', 'admin', 'admin', 'gateway']) as w(name, as_)
      join pg_catalog.pg_roles r on r.rolname = w.name
  loop
    -- What was taken back from one of them before stays so.
    if to_regclass('payments.granted_roles') is not null then
      continue when exists (select from payments.granted_roles g
                             where g.role = known.role::text and g.as_ = known.as_ and g.revoked_at is not null);
    end if;
    perform payments.grant_role(known.role, known.as_);
  end loop;
  -- Those that an app named before DROP EXTENSION, as far as it was not taken back since, by revoke_role() or by REVOKE on the schema
  -- and its tables.
  if current_setting('row_security') <> 'off' then
    for known in
      select r.oid::regrole as role, g.as_
        from payments.granted_roles g
        join pg_catalog.pg_roles r on r.rolname = g.role
       where g.revoked_at is null
         and exists (select from pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
                      where n.oid = 'payments'::regnamespace and a.grantee = r.oid and a.privilege_type = 'USAGE')
         and (g.as_ in ('webhook', 'gateway')
              or exists (select from pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a
                          where a.grantee = r.oid
                            and (c.oid, a.privilege_type) = (case g.as_ when 'admin' then 'payments.payment_history'::regclass
                                                                        else 'payments.checkout_sessions'::regclass end,
                                                             case g.as_ when 'admin' then 'UPDATE' else 'SELECT' end)))
    loop
      perform payments.grant_role(known.role, known.as_);
    end loop;
  end if;

  -- What an extension's script grants is taken by pg_dump for something that the script will grant again. On tables it will
  -- not, as a restore brings them. Leaving the extension wipes that record, so each joins, if it must, and leaves.
  for object in
    select format('%s %s', case c.relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end, c.oid::regclass) as name,
           exists (select from pg_catalog.pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e') as member
      from pg_catalog.pg_class c
     where c.relnamespace in (select payments.table_schemas()) and c.relkind in ('r', 'v', 'S')
    union all
    select format('schema %I', n.nspname),
           exists (select from pg_catalog.pg_depend d where d.classid = 'pg_namespace'::regclass and d.objid = n.oid and d.deptype = 'e')
      from pg_catalog.pg_namespace n where n.nspname = 'payments_registry'
    union all
    select format('function %s', p.oid::regprocedure),
           exists (select from pg_catalog.pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
      from pg_catalog.pg_proc p
     where p.pronamespace = 'payments'::regnamespace
       and p.proname in ('caller', 'caller_subjects', 'caller_owns', 'caller_is_admin', 'caller_usable_subjects',
                         'caller_access_until')
  loop
    if not object.member then
      execute format('alter extension payments add %s', object.name);
    end if;
    execute format('alter extension payments drop %s', object.name);
  end loop;

  -- The functions stay members, and of the schema that record is kept too. It holds what the script grants in any database, so
  -- that the rest, which only this one knows, is in a dump.
  update pg_catalog.pg_init_privs i
     set initprivs = array(
           select item from unnest(o.acl) item
            where exists (select from pg_catalog.aclexplode(array[item]) e join pg_catalog.pg_roles r on r.oid = e.grantee
                           where r.rolname = any (known_roles || array['payments_owner', 'payments_definer', 'payments_registrar']::name[])))
    from (select 'pg_namespace'::regclass as classoid, n.oid as objoid, n.nspacl as acl
            from pg_catalog.pg_namespace n where n.nspname = 'payments'
          union all
          select 'pg_proc'::regclass, p.oid, p.proacl from pg_catalog.pg_proc p where p.pronamespace = 'payments'::regnamespace) o
   where i.classoid = o.classoid and i.objoid = o.objoid and o.acl is not null;
  delete from pg_catalog.pg_shdepend d
   where d.deptype = 'i' and d.dbid = (select oid from pg_catalog.pg_database where datname = current_database())
     and (d.classid = 'pg_namespace'::regclass and d.objid = 'payments'::regnamespace
          or d.classid = 'pg_proc'::regclass and d.objid in (
               select p.oid from pg_catalog.pg_proc p where p.pronamespace = 'payments'::regnamespace))
     and pg_catalog.pg_get_userbyid(d.refobjid) <> all (known_roles || array['payments_owner', 'payments_definer', 'payments_registrar']::name[]);
end
$install$;

-- take_back_grants() is in src/entrance.rs. While a dump is being restored it does nothing: the records come with the dump.
do $install$
begin
  execute 'create event trigger payments_grants on ddl_command_end when tag in (''GRANT'') execute function payments.take_back_grants()';
  execute 'create event trigger payments_own_ddl on ddl_command_start when tag in (''DROP OWNED'', ''ALTER DEFAULT PRIVILEGES'') '
    'execute function payments.refuse_own_ddl()';
end
$install$;

set local search_path = payments, pg_temp;
