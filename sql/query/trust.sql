-- recorded_roles: whom grant_role() recorded, and who still holds USAGE on the schema by its own name (a role that was
-- dropped leaves its name to others), one a row.
select pg_catalog.json_build_object('role', r.oid::pg_catalog.int8, 'as_', g.as_)::pg_catalog.text
  from payments.granted_roles g
  join pg_catalog.pg_roles r on r.rolname operator(pg_catalog.=) g.role::pg_catalog.name
 where g.revoked_at is null
   and exists (select from pg_catalog.pg_namespace n cross join pg_catalog.aclexplode(n.nspacl) a
                where n.nspname operator(pg_catalog.=) 'payments'::pg_catalog.name and a.grantee operator(pg_catalog.=) r.oid
                  and a.privilege_type operator(pg_catalog.=) 'USAGE'::pg_catalog.text);

-- role_grants: the DDL that gives a role what it was recorded as (JSON strings). $1 role oid, $2 as_ text
select pg_catalog.to_json(d.ddl)::pg_catalog.text from payments.role_grants($1::pg_catalog.regrole, $2) with ordinality as d (ddl, place) order by d.place;

-- app_table_grants: what a role that was recorded may do with the tables that create_app_tables() made, and whose they are (JSON
-- objects). $1 role oid, $2 as_ text
-- They are known by the policy that lets admins in by record.
select pg_catalog.json_build_object(
         'owner', c.relowner::pg_catalog.int8,
         'statement', pg_catalog.format('grant %s on %s to %s', granted.privileges, c.oid::pg_catalog.regclass, $1::pg_catalog.regrole))::pg_catalog.text
  from payments_registry.attachments a
  join pg_catalog.pg_class c on c.oid operator(pg_catalog.=) a.target
  join pg_catalog.pg_roles r on r.oid operator(pg_catalog.=) c.relowner
 cross join payments.default_table_privileges(a.kind, $2) as granted (privileges)
 where granted.privileges is not null and c.relowner operator(pg_catalog.<>) $1 and (a.superuser_owner or not r.rolsuper)
   and exists (select from pg_catalog.pg_policy p
                where p.polrelid operator(pg_catalog.=) c.oid and p.polname operator(pg_catalog.=) 'admin'::pg_catalog.name
                  and pg_catalog.pg_get_expr(p.polqual, p.polrelid) operator(pg_catalog.~) 'payments\.caller_is_admin\(\)');

-- app_table_revokes: what takes it back, but for what the role keeps as something else that was recorded (JSON objects).
-- $1 role oid, $2 as_ text
select pg_catalog.json_build_object(
         'owner', c.relowner::pg_catalog.int8,
         'statement', pg_catalog.format('revoke %s on %s from %s cascade', gone.privileges, c.oid::pg_catalog.regclass, $1::pg_catalog.regrole))::pg_catalog.text
  from payments_registry.attachments a
  join pg_catalog.pg_class c on c.oid operator(pg_catalog.=) a.target
  join pg_catalog.pg_roles r on r.oid operator(pg_catalog.=) c.relowner
 cross join lateral (
   select pg_catalog.string_agg(p.privilege, ', ') as privileges
     from pg_catalog.unnest(pg_catalog.string_to_array(payments.default_table_privileges(a.kind, $2), ', ')) as p (privilege)
    where not exists (
      select from payments.granted_roles g
        join pg_catalog.pg_roles o on o.oid operator(pg_catalog.=) $1 and o.rolname operator(pg_catalog.=) g.role::pg_catalog.name
       where g.revoked_at is null
         and p.privilege operator(pg_catalog.=) any (pg_catalog.string_to_array(payments.default_table_privileges(a.kind, g.as_), ', ')))) as gone
 where gone.privileges is not null and c.relowner operator(pg_catalog.<>) $1 and (a.superuser_owner or not r.rolsuper)
   and exists (select from pg_catalog.pg_policy p
                where p.polrelid operator(pg_catalog.=) c.oid and p.polname operator(pg_catalog.=) 'admin'::pg_catalog.name
                  and pg_catalog.pg_get_expr(p.polqual, p.polrelid) operator(pg_catalog.~) 'payments\.caller_is_admin\(\)');

-- role_revokes: the DDL that takes it back (JSON strings). $1 role oid, $2 as_ text
select pg_catalog.to_json(d.ddl)::pg_catalog.text from payments.role_revokes($1::pg_catalog.regrole, $2) with ordinality as d (ddl, place) order by d.place;

-- unbacked_grants: the DDL that takes back what no record backs (JSON strings).
select pg_catalog.to_json(d.ddl)::pg_catalog.text from payments.unbacked_grants() with ordinality as d (ddl, place) order by d.place;
