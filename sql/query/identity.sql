-- is_guest_role: whether a role was granted as a guest and as nothing else ('true'). $1 role text
select pg_catalog.bool_and(g.as_ operator(pg_catalog.=) 'guest')::pg_catalog.text
  from payments.granted_roles g
 where g.role operator(pg_catalog.=) $1 and g.revoked_at is null;
