-- membership: the subjects that an app's membership table gives a user; names and conditions are filled in.
-- $1 user id text
select {subject_text} from {members} m where {conditions} and m.{subject} is not null;

-- registered_subject_type: how a type of subject was registered (one JSON object). $1 subject_type text
select pg_catalog.json_build_object(
         'members', t.members::pg_catalog.oid::pg_catalog.int8, 'subject_column', t.subject_column, 'user_column', t.user_column,
         'role_column', t.role_column, 'roles', t.roles, 'use_roles', t.use_roles,
         'predicate', case when t.predicate is not null then pg_catalog.json_build_object(
           'signature', t.predicate, 'owner', t.owner, 'said_by_superuser', t.said_by_superuser) end,
         'use_predicate', case when t.use_predicate is not null then pg_catalog.json_build_object(
           'signature', t.use_predicate, 'owner', t.use_owner, 'said_by_superuser', t.use_said_by_superuser) end,
         'owner', t.owner, 'said_by_superuser', t.said_by_superuser)::pg_catalog.text
  from payments_registry.subject_types t
 where t.subject_type operator(pg_catalog.=) $1;

-- views_read: the views that a view reads through, itself included, and whether one asks with its reader's rights (one
-- JSON object).
-- $1 relation text
select pg_catalog.json_build_object(
         'views', pg_catalog.json_agg(v.relation::pg_catalog.int8),
         'asks_as_invoker', pg_catalog.bool_or(v.asks_as_invoker))::pg_catalog.text
  from payments.views_read($1::pg_catalog.oid) v;

-- subject_policies: the DDL that makes the policies of a type of subject (JSON strings).
-- $1 subject_type text, $2 by_predicate boolean
select pg_catalog.to_json(payments.policy_ddl(p.relation, p.name, p.command, p.roles, p.using_expression, p.check_expression))::pg_catalog.text
  from payments.subject_policies($1, $2) p order by p.relation, p.command desc;

-- subject_policy_drops: the DDL that drops them (JSON strings). $1 subject_type text
select pg_catalog.to_json(d.ddl)::pg_catalog.text from payments.subject_policy_drops($1) with ordinality as d (ddl, place) order by d.place;
