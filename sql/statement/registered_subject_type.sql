-- registered_subject_type: how a type of subject was registered (one JSON object). $1 subject_type text
select pg_catalog.json_build_object(
         'members', t.members::pg_catalog.oid::pg_catalog.int8, 'subject_column', t.subject_column, 'user_column', t.user_column,
         'role_column', t.role_column, 'roles', t.roles, 'predicate', t.predicate,
         'owner', t.owner, 'said_by_superuser', t.said_by_superuser)::pg_catalog.text
  from payments.subject_types t
 where t.subject_type operator(pg_catalog.=) $1
