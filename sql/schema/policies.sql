set local search_path = pg_catalog, pg_temp;

-- Row security of the session tables: deny by default, and each INSERT policy with its SELECT policy, since on conflict and
-- returning need both. A type of subject that is registered brings its own pairs (subjects.sql), a role that is made an
-- admin a policy of its own (grants.sql).
--
-- created_by and guest are the guard's stamps, which no caller may write: where the guard is switched off they are missing,
-- and the policies deny. The policies call no member of the extension; see identity.sql.

-- The expressions are written as the server writes them, so that the doctor can compare.
create function payments.session_policies()
  returns table (relation text, name text, command text, roles text[], using_expression text, check_expression text)
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select 'payments.' || p.relation, p.name, p.command, array['public'],
         case p.command when 'select' then p.expression end, case p.command when 'insert' then p.expression end
    from (values
      ('checkout_sessions', 'own_select', 'select',
       'CASE WHEN (subject_id IS NULL) THEN (created_by = ( SELECT payments.caller() AS caller)) '
       'ELSE ((subject_type = ''user''::text) AND (subject_id = ( SELECT payments.caller() AS caller))) END'),
      ('checkout_sessions', 'own_insert', 'insert',
       '((status = ''initialized''::text) AND (created_by = ( SELECT payments.caller() AS caller)) AND '
       'CASE WHEN (subject_id IS NULL) THEN (mode = ''payment''::text) '
       'ELSE ((subject_type = ''user''::text) AND (subject_id = created_by)) END)'),

      ('customer_portal_sessions', 'own_select', 'select',
       '((subject_type = ''user''::text) AND (subject_id = ( SELECT payments.caller() AS caller)))'),
      ('customer_portal_sessions', 'own_insert', 'insert',
       '((status = ''initialized''::text) AND (created_by = ( SELECT payments.caller() AS caller)) '
       'AND (subject_type = ''user''::text) AND (subject_id = created_by))'),

      -- Who asks is stamped by the guard, and so is whose the subscription is.
      ('subscription_requests', 'own_select', 'select',
       '((subject_type = ''user''::text) AND (subject_id = ( SELECT payments.caller() AS caller)))'),
      ('subscription_requests', 'own_insert', 'insert',
       '((status = ''initialized''::text) AND (created_by = ( SELECT payments.caller() AS caller)) '
       'AND (subject_type = ''user''::text) AND (subject_id = created_by))'),

      -- A guest has no name by which to know his rows again. He sees what the guard has shown to his own transaction, and nothing
      -- of any other guest: returning and on conflict work, a list of sessions is empty. The guard shows him what he inserts, and
      -- what he asks for word for word while nothing more is known of it. Whoever writes the row otherwise, for its key's sake above
      -- all, shows it to nobody. A stamp of another server's, in a restored dump, may equal a transaction of this one: the time
      -- tells them apart.
      ('checkout_sessions', 'guest_select', 'select',
       '(guest AND (updated_at = now()) AND (guest_transaction = ((pg_current_xact_id_if_assigned())::text)::bigint))'),
      ('checkout_sessions', 'guest_insert', 'insert',
       '(guest AND (created_by IS NULL) AND (subject_id IS NULL) AND (mode = ''payment''::text) AND (status = ''initialized''::text) '
       'AND (( SELECT payments.caller() AS caller) IS NULL))')
    ) as p (relation, name, command, expression)
$$;

do $install$
declare
  policy record;
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;
  for policy in
    select payments.policy_ddl(p.relation, p.name, p.command, p.roles, p.using_expression, p.check_expression) as ddl
      from payments.session_policies() p
     where not exists (select from pg_policy o where o.polrelid = p.relation::regclass and o.polname = p.name)
  loop
    execute policy.ddl;
  end loop;
end
$install$;

set local search_path = payments, pg_temp;
