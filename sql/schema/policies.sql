set local search_path = pg_catalog, pg_temp;

-- Row security of the session tables: deny by default, and each INSERT policy with its SELECT policy, since on conflict and
-- returning need both. A type of subject that is registered brings its own pairs (subjects.sql), a role that is made an
-- admin a policy of its own (grants.sql).
--
-- created_by and guest are the guard's stamps, which no caller may write: where the guard is switched off they are missing,
-- and the policies deny. The policies call no member of the extension; see identity.sql.

create function payments.session_policies() returns table (relation text, name text, ddl text)
  language sql immutable set search_path = pg_catalog, pg_temp
as $function$
  select p.relation, p.name, format('create policy %I on %s %s', p.name, p.relation, p.body)
    from (values
      ('payments.checkout_sessions', 'own_select', $policy$for select
    using (case when subject_id is null then created_by = (select payments.caller())
                else subject_type = 'user' and subject_id = (select payments.caller()) end)$policy$),
      ('payments.checkout_sessions', 'own_insert', $policy$for insert
    with check (status = 'initialized' and created_by = (select payments.caller())
                and case when subject_id is null then mode = 'payment'
                         else subject_type = 'user' and subject_id = created_by end)$policy$),

      ('payments.customer_portal_sessions', 'own_select', $policy$for select
    using (subject_type = 'user' and subject_id = (select payments.caller()))$policy$),
      ('payments.customer_portal_sessions', 'own_insert', $policy$for insert
    with check (status = 'initialized' and created_by = (select payments.caller())
                and subject_type = 'user' and subject_id = created_by)$policy$),

      -- Who asks is stamped by the guard, and so is whose the subscription is.
      ('payments.subscription_requests', 'own_select', $policy$for select
    using (subject_type = 'user' and subject_id = (select payments.caller()))$policy$),
      ('payments.subscription_requests', 'own_insert', $policy$for insert
    with check (status = 'initialized' and created_by = (select payments.caller())
                and subject_type = 'user' and subject_id = created_by)$policy$),

      -- A guest has no name by which to know his rows again. He sees what the guard has shown to his own transaction, and nothing
      -- of any other guest: returning and on conflict work, a list of sessions is empty. The guard shows him what he inserts, and
      -- what he asks for word for word while nothing more is known of it. Whoever writes the row otherwise, for its key's sake above
      -- all, shows it to nobody. A stamp of another server's, in a restored dump, may equal a transaction of this one: the time
      -- tells them apart.
      ('payments.checkout_sessions', 'guest_select', $policy$for select
    using (guest and updated_at = now() and guest_transaction = pg_current_xact_id_if_assigned()::text::bigint)$policy$),
      ('payments.checkout_sessions', 'guest_insert', $policy$for insert
    with check (guest and created_by is null and subject_id is null and mode = 'payment' and status = 'initialized'
                and (select payments.caller()) is null)$policy$)
    ) as p (relation, name, body)
$function$;

do $install$
declare
  policy record;
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;
  for policy in
    select p.ddl from payments.session_policies() p
     where not exists (select from pg_policy o where o.polrelid = p.relation::regclass and o.polname = p.name)
  loop
    execute policy.ddl;
  end loop;
end
$install$;

set local search_path = payments, pg_temp;
