-- Each file of this script looks things up in the system's schema only, and leaves the path as CREATE EXTENSION made it to the
-- functions of Rust between them, which are made where it says. LOCAL, so that CREATE EXTENSION puts the caller's back.
set local search_path = pg_catalog, pg_temp;

-- Owner, runner and code are three. payments_owner owns both schemas and their tables, and only fixed DDL of ours runs as it.
-- payments_definer writes the tables, and so an app's trigger there runs as it: it owns nothing. payments_registrar writes the three
-- tables that say whose rights are used (granted_roles, subject_types, attachments), on which no app has a trigger. The functions stay with the
-- superuser who installs them, and are executed with their caller's rights; those that need more take payments_definer's place
-- in C (src/definer.rs). Nobody logs in as one of these roles and nobody is a member of one.

do $install$
declare
  foreign_objects text;
  grantee text;
  home text;
  others text;
  ours text;
begin
  if current_setting('server_encoding') <> 'UTF8' then
    raise exception 'payments needs a database whose encoding is UTF8'
      using errcode = 'feature_not_supported',
            detail = format('This database is encoded in %s; Stripe''s events are UTF-8.', current_setting('server_encoding')),
            hint = 'Create the database with ENCODING ''UTF8''.';
  end if;

  foreach ours in array array['payments_owner', 'payments_definer', 'payments_registrar'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = ours) then
      execute format('create role %I nologin nosuperuser noinherit nocreatedb nocreaterole noreplication nobypassrls', ours);
    end if;
    if exists (select from pg_catalog.pg_roles where rolname = ours
                 and (rolcanlogin or rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls))
       or exists (select from pg_catalog.pg_auth_members m
                   where pg_catalog.pg_get_userbyid(m.roleid) = ours or pg_catalog.pg_get_userbyid(m.member) = ours)
    then
      raise exception 'role % exists and may do more than the extension needs', ours
        using errcode = 'object_not_in_prerequisite_state',
              detail = 'It must not log in, have attributes such as SUPERUSER, have members, or be a member of another role.',
              hint = format('Revoke its memberships and attributes (ALTER ROLE %I NOLOGIN NOSUPERUSER …), then install again.', ours);
    end if;
  end loop;

  -- The two tables that point to an app's tables are in a schema of their own (subjects.sql). A dump that is being restored brings it.
  if current_setting('row_security') <> 'off' and pg_catalog.to_regnamespace('payments_registry') is null then
    create schema payments_registry;
  end if;

  for home in select n.nspname from pg_catalog.pg_namespace n where n.nspname in ('payments', 'payments_registry') order by n.nspname loop
    if not exists (select from pg_catalog.pg_namespace n join pg_catalog.pg_roles r on r.oid = n.nspowner
                    where n.nspname = home and (r.rolsuper or r.rolname = 'payments_owner'))
    then
      raise exception 'schema % exists and belongs to a role that cannot be trusted', home
        using errcode = 'insufficient_privilege',
              detail = format('It is owned by %s, who could drop or replace what is in it.',
                              (select pg_catalog.pg_get_userbyid(nspowner) from pg_catalog.pg_namespace where nspname = home)),
              hint = format('Look at what is in it; drop it or ALTER SCHEMA %I OWNER TO payments_owner, then install again.', home);
    end if;

    -- Whoever may create something in a schema that is there before us could leave a function in the place of one of ours, and
    -- policies would call it. Whatever hangs on the schema counts: relations, functions, types, operators and the rest.
    select string_agg(format('%s is owned by %s', pg_catalog.pg_describe_object(d.classid, d.objid, 0), r.rolname), ', '
                      order by d.classid, d.objid) into foreign_objects
      from pg_catalog.pg_depend d
      join pg_catalog.pg_shdepend o on o.classid = d.classid and o.objid = d.objid and o.deptype = 'o'
       and o.dbid = (select oid from pg_catalog.pg_database where datname = current_database())
      join pg_catalog.pg_roles r on r.oid = o.refobjid
     where d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.refobjid = home::regnamespace
       and not (r.rolsuper or r.rolname = 'payments_owner');
    if foreign_objects is not null then
      raise exception 'schema % holds objects that belong to a role that cannot be trusted', home
        using errcode = 'insufficient_privilege', detail = foreign_objects,
              hint = 'Give them to payments_owner if you trust them, or drop them, then install again.';
    end if;

    execute format('alter schema %I owner to payments_owner', home);
    -- And nobody else creates anything in it from now on, whatever was granted or is granted by default.
    for grantee in
      select distinct case e.grantee when 0 then 'public' else e.grantee::regrole::text end
        from pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) e
       where n.nspname = home and e.privilege_type = 'CREATE' and e.grantee <> n.nspowner
    loop
      execute format('revoke create on schema %I from %s cascade', home, grantee);
    end loop;
  end loop;

  -- An installation whose own tables are gone may have left these. They say whose rights are used, and must not count again unasked.
  if current_setting('row_security') <> 'off' and to_regclass('payments.facts') is null then
    select string_agg(c.oid::regclass::text, ', ' order by c.relname) into others
      from pg_catalog.pg_class c where c.relnamespace = 'payments_registry'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f');
    if others is not null then
      raise exception 'schema payments_registry is left from an installation whose tables are gone'
        using errcode = 'object_not_in_prerequisite_state', detail = format('It holds: %s.', others),
              hint = 'DROP SCHEMA payments_registry CASCADE, then install again.';
    end if;
  end if;
end
$install$;

set local search_path = payments, pg_temp;
