set local search_path = pg_catalog, pg_temp;

-- What the doctor asks about row security and policies; see doctor.sql.

create function payments.doctor_row_security() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false, format('%s does not %s row security.', c.oid::regclass, case when c.relrowsecurity then 'force' else 'enable' end),
         format('alter table %s enable row level security, force row level security', c.oid::regclass), 'superuser'
    from pg_class c
   where (c.oid in (select payments.own_relations()) or c.relnamespace = 'payments_secret'::regnamespace) and c.relkind = 'r'
     and not (c.relrowsecurity and c.relforcerowsecurity)
   order by c.oid::regclass::text
$$;

-- Every policy of ours in its parts; see payments.policy_ddl(). Those of admins come with grant_role().
create function payments.own_policies()
  returns table (relation regclass, name text, command text, roles text[], using_expression text, check_expression text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select c.oid::regclass, p.name, p.command, p.roles, 'true', p.check_expression
    from pg_class c
   cross join lateral (select c.relname in ('granted_roles', 'subject_types', 'attachments') as by_registrar) r
   cross join lateral (values
     ('payments', case when r.by_registrar then 'select' else 'all' end, '{payments_definer,payments_owner}'::text[],
      case when not r.by_registrar then 'true' end),
     ('payments_registrar', case when r.by_registrar then 'all' end, '{payments_registrar}', 'true')) as p (name, command, roles, check_expression)
   where c.oid in (select payments.own_relations()) and c.relkind = 'r' and p.command is not null
  union all
  select to_regclass(p.relation), p.name, p.command, p.roles, p.using_expression, p.check_expression
    from payments.session_policies() p
   where to_regclass(p.relation) is not null
  union all
  select to_regclass(p.relation), p.name, p.command, p.roles, p.using_expression, p.check_expression
    from payments_registry.subject_types s
   cross join lateral payments.subject_policies(s.subject_type, s.predicate is not null) p
   where to_regclass(p.relation) is not null
$$;

-- Every policy on our tables as it is, in the same parts. White space counts for nothing.
create function payments.policies_there()
  returns table (relation regclass, name text, command text, roles text[], using_expression text, check_expression text, permissive boolean)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select p.polrelid::regclass, p.polname,
         case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
         array(select case r when 0 then 'public' else pg_get_userbyid(r)::text end from unnest(p.polroles) as r order by 1),
         btrim(regexp_replace(pg_get_expr(p.polqual, p.polrelid), '\s+', ' ', 'g')),
         btrim(regexp_replace(pg_get_expr(p.polwithcheck, p.polrelid), '\s+', ' ', 'g')), p.polpermissive
    from pg_policy p
   where p.polrelid in (select payments.own_relations())
$$;

create function payments.doctor_policies() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with found as materialized (
    select t.*, payments.policy_ddl(t.relation::text, t.name, t.command, t.roles, t.using_expression, t.check_expression)
                || case when t.permissive then '' else ', as restrictive' end as ddl
      from payments.policies_there() t
  ), wanted as (
    select w.relation, w.name, payments.policy_ddl(w.relation::text, w.name, w.command, w.roles,
                                                   regexp_replace(w.using_expression, '\s+', ' ', 'g'),
                                                   regexp_replace(w.check_expression, '\s+', ' ', 'g')) as ddl
      from payments.own_policies() w
  ), of_admin as (
    select a.role, f.relation, f.name, f.ddl,
           payments.policy_ddl(a.relation::text, a.name, 'all', array[a.rolname], 'true', 'true') as wanted
      from (select distinct r.oid as role, r.rolname::text, to_regclass(p.relation) as relation, payments.admin_policy(r.rolname)::text as name
              from payments.granted_roles g
              join pg_roles r on r.rolname = g.role
             cross join payments.granted_privileges() p
              join pg_class c on c.oid = to_regclass(p.relation) and c.relkind = 'r'
             where g.as_ = 'admin' and g.revoked_at is null and p.as_ = 'admin') a
      left join found f on f.relation = a.relation and f.name = a.name
  )
  select false, format('The policy %I on %s is gone.', w.name, w.relation), w.ddl, 'superuser'
    from wanted w
   where not exists (select from found f where f.relation = w.relation and f.name = w.name)
  union all
  select false, format('The policy %I on %s was altered. It is: %s.', w.name, w.relation, f.ddl),
         format('do %L', format('begin drop policy %I on %s; %s; end', w.name, w.relation, w.ddl)), 'superuser'
    from wanted w
    join found f on f.relation = w.relation and f.name = w.name
   where f.ddl <> w.ddl
  union all
  select false, format('The policy that lets the admin %s in is gone from %s table(s).', a.role::regrole, count(*)),
         format('select payments.grant_role(%L, ''admin'')', a.role::regrole), null
    from of_admin a
   where a.ddl is null
   group by a.role
  union all
  select false, format('The policy that lets the admin %s in was altered on %s table(s). One is: %s.', a.role::regrole, count(*), min(a.ddl)),
         format('do %L', format('begin %s; perform payments.grant_role(%L, ''admin''); end',
                                string_agg(format('drop policy %I on %s', a.name, a.relation), '; ' order by a.relation::text), a.role::regrole)), 'superuser'
    from of_admin a
   where a.ddl <> a.wanted
   group by a.role
  union all
  select false, format('The policy %I is on the table of webhook secrets, which nobody reads.', p.polname),
         format('drop policy %I on %s', p.polname, p.polrelid::regclass), 'superuser'
    from pg_policy p
    join pg_class c on c.oid = p.polrelid and c.relnamespace = 'payments_secret'::regnamespace
$$;

set local search_path = payments, pg_temp;
