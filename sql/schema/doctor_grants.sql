set local search_path = pg_catalog, pg_temp;

-- What the doctor asks about privileges and about who is trusted; see doctor.sql.

-- What grant_role() recorded of a role's privileges: one for each function, table and column, as the catalog names it.
create function payments.recorded_privileges() returns table (role oid, as_ text, class regclass, object oid, column_name text, privilege text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with recorded as materialized (
    select r.oid as role, g.as_, i.as_ as included
      from payments.granted_roles g
      join pg_roles r on r.rolname = g.role
     cross join lateral payments.included_grants(g.as_) as i (as_)
     where g.revoked_at is null
  ), backed (as_, class, object, column_name, privilege) as materialized (
    select f.as_, 'pg_proc'::regclass, to_regprocedure(f.signature)::oid, null, 'EXECUTE' from payments.granted_functions() f
    union all
    select p.as_, 'pg_class'::regclass, to_regclass(p.relation)::oid, null, upper(w.privilege)
      from payments.granted_privileges() p cross join lateral regexp_split_to_table(p.privileges, ', ') as w (privilege)
     where p.privileges !~ '\('
    union all
    select p.as_, 'pg_class'::regclass, to_regclass(p.relation)::oid, w.column_name, upper(split_part(p.privileges, ' ', 1))
      from payments.granted_privileges() p cross join lateral regexp_split_to_table(substring(p.privileges from '\((.*)\)'), ', ') as w (column_name)
     where p.privileges ~ '\('
  )
  select distinct r.role, r.as_, b.class, b.object, b.column_name, b.privilege
    from recorded r join backed b on b.as_ = r.included
   where b.object is not null
  union
  select r.role, r.as_, 'pg_namespace'::regclass, 'payments'::regnamespace::oid, null, 'USAGE' from recorded r
$$;

-- What the catalog says that somebody was granted, but for the owners, superusers and our own roles. Role 0 is PUBLIC.
create function payments.held_privileges() returns table (role oid, class regclass, object oid, column_name text, privilege text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with held as (
    select a.grantee, 'pg_class'::regclass as class, c.oid, null::text as column_name, a.privilege_type, c.relowner as owner
      from pg_class c cross join lateral aclexplode(c.relacl) a
     where (c.relnamespace in (select payments.table_schemas()) or c.relnamespace = 'payments_secret'::regnamespace) and c.relkind in ('r', 'v', 'm', 'p', 'S')
    union all
    select a.grantee, 'pg_class'::regclass, c.oid, t.attname, a.privilege_type, c.relowner
      from pg_class c join pg_attribute t on t.attrelid = c.oid cross join lateral aclexplode(t.attacl) a
     where (c.relnamespace in (select payments.table_schemas()) or c.relnamespace = 'payments_secret'::regnamespace)
    union all
    select a.grantee, 'pg_proc'::regclass, p.oid, null, a.privilege_type, p.proowner
      from pg_proc p cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
     where p.pronamespace = 'payments'::regnamespace
    union all
    select a.grantee, 'pg_namespace'::regclass, n.oid, null, a.privilege_type, n.nspowner
      from pg_namespace n cross join lateral aclexplode(n.nspacl) a
     where n.nspname in ('payments', 'payments_registry', 'payments_secret')
  )
  select distinct h.grantee, h.class, h.oid, h.column_name, h.privilege_type
    from held h
    left join pg_roles r on r.oid = h.grantee
   where h.grantee <> h.owner and r.rolsuper is not true
     and coalesce(r.rolname, '') not in ('payments_owner', 'payments_definer', 'payments_registrar')
$$;

-- All of a role's privileges of one class are revoked, and those that were recorded granted again.
create function payments.doctor_grants() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with recorded as materialized (
    select r.*, concat_ws(' ', r.role, r.class::oid, r.object, r.privilege) as word from payments.recorded_privileges() r
  ), held as materialized (
    select h.*, concat_ws(' ', h.role, h.class::oid, h.object, h.privilege) as word from payments.held_privileges() h
  ), excess as (
    select h.*, case when h.role = 0 then 'public' else h.role::regrole::text end as grantee,
           case h.class when 'pg_proc'::regclass then 'all routines in schema payments' when 'pg_class'::regclass then 'all tables in schema '
                        else 'schema ' end
           || case h.class when 'pg_proc'::regclass then ''
                           when 'pg_class'::regclass then (select quote_ident(n.nspname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
                                                            where c.oid = h.object)
                           else h.object::regnamespace::text end as place
      from held h
     where not exists (select from recorded r where r.word = h.word and (r.column_name is null or r.column_name = h.column_name))
  ), revoked as (
    select e.role, e.grantee, e.place, count(distinct e.object) as objects, string_agg(distinct e.privilege, ', ') as privileges
      from excess e
     group by e.role, e.grantee, e.place
  ), missing as (
    select r.role, r.as_, count(*) as n from recorded r
     where not exists (select from held h where h.word = r.word and (h.column_name is null or h.column_name = r.column_name))
       and not (select o.rolsuper from pg_roles o where o.oid = r.role)
     group by r.role, r.as_
  )
  select false,
         format('%s has privileges that grant_role() did not record: %s on %s object(s), among %s.', initcap(case v.role when 0 then 'public' else 'role' end)
                || case v.role when 0 then '' else ' ' || v.grantee end, v.privileges, v.objects, v.place),
         -- REVOKE by anybody else is a warning, and revokes nothing. No dollar quotes: a role's name may hold them.
         format('do %L', format('begin if current_setting(''is_superuser'') = ''off'' then raise insufficient_privilege using message = '
                '''only a superuser can take these privileges back''; end if; revoke all on %s from %s cascade;%s end',
                v.place, v.grantee, ' ' || k.grants || ';')), 'superuser'
    from revoked v
   cross join lateral (
     select string_agg(distinct format('perform payments.grant_role(%L, %L)', v.grantee, r.as_), '; ') as grants
       from recorded r where r.role = v.role) k
  union all
  select false, format('Role %s lacks %s privilege(s) that it should have as %s.', m.role::regrole, m.n, m.as_),
         format('select payments.grant_role(%L, %L)', m.role::regrole, m.as_), null
    from missing m
$$;

-- Whoever can run SQL as a gateway or an admin says who he is. No end user may be one, and somebody who logs in must be.
create function payments.doctor_trusted_roles() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with recorded as materialized (
    select r.oid, r.rolname, g.as_ from payments.granted_roles g join pg_roles r on r.rolname = g.role where g.revoked_at is null
  )
  select distinct false, format('Role %I is for end users (%s), and %s %s.', u.rolname, u.as_,
                       case when t.oid = u.oid then 'was recorded as' else format('inherits from %I,', t.rolname) end, t.as_),
         case when m.is_member then format('revoke %I from %I', t.rolname, u.rolname)
              else format('select payments.revoke_role(%L, %L)', t.oid::regrole, t.as_) end,
         case when m.is_member then 'superuser' end
    from recorded u
    join recorded t on t.as_ in ('admin', 'gateway') and pg_has_role(u.oid, t.oid, 'USAGE')
   cross join lateral (select exists (select from pg_auth_members m where m.roleid = t.oid and m.member = u.oid) as is_member) m
   where u.as_ in ('guest', 'member') and not (select r.rolsuper from pg_roles r where r.oid = u.oid)
  union all
  select false, 'End users have a role, and no role that logs in is a gateway or an admin: nobody''s claims count.',
         'select payments.grant_role(''the_role_that_logs_in'', ''gateway'')', null
   where exists (select from recorded r where r.as_ = 'member')
     and not exists (select from pg_roles l join recorded t on t.as_ in ('admin', 'gateway') and pg_has_role(l.oid, t.oid, 'USAGE')
                      where l.rolcanlogin and not l.rolsuper)
$$;

set local search_path = payments, pg_temp;
