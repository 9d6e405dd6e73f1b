-- The one place that grants. What a guest, member, admin, webhook or gateway may do is said here, as data.

-- What grant_role() gave to whom, so that CREATE EXTENSION after DROP EXTENSION, which takes the functions and so what was
-- granted on them, gives it again. By name: a dump goes to servers where the roles have other numbers.
do $install$
begin
  if current_setting('row_security') <> 'off' and to_regclass('payments.granted_roles') is null then
    create table payments.granted_roles (
      role name not null,
      as_ text not null check (as_ in ('guest', 'member', 'admin', 'webhook', 'gateway')),
      created_at timestamptz not null default now(),
      primary key (role, as_)
    );
  end if;
end
$install$;

-- Functions by who may execute them; one that this version does not have is passed over.
create function payments.granted_functions() returns table (as_ text, signature text)
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  values
    -- What policies and paywalls of an app ask: a guest gets an answer too, namely no.
    ('guest', 'payments.current_user_id()'),
    ('guest', 'payments.owns_subject(text,text)'),
    ('guest', 'payments.my_subjects(text)'),
    ('guest', 'payments.caller()'),
    ('guest', 'payments.caller_subjects()'),
    ('guest', 'payments.caller_subjects(text)'),
    ('guest', 'payments.caller_owns(text,text)'),
    ('guest', 'payments.has_entitlement(text)'),
    ('guest', 'payments.has_active_subscription(text,text,boolean)'),
    ('guest', 'payments.my_entitlements()'),
    ('guest', 'payments.my_active_subscriptions(text,boolean)'),
    ('guest', 'payments.credit_balance(text,text)'),
    ('guest', 'payments.my_credit_balances(text)'),
    -- Asking to pay; what a guest may not ask for is refused with its reason.
    ('guest', 'payments.create_checkout_session(text,text,jsonb,text,text,text,text,text,jsonb,text)'),
    ('guest', 'payments.create_customer_portal_session(text,text,text,text,text)'),
    ('guest', 'payments.check_checkout_session(text,text,jsonb,text,text,text,text,text,jsonb,text)'),
    ('guest', 'payments.check_portal_session(text,text,text,text,text)'),
    ('guest', 'payments.request_digest(text)'),
    ('guest', 'payments.without_secrets(text)'),
    ('guest', 'payments.ordinary_search_path()'),

    ('member', 'payments.spend_credits(text,text,bigint,text,text)'),

    ('gateway', 'payments.gateway()'),

    ('webhook', 'payments.stripe_webhook_test(json)'),
    ('webhook', 'payments.stripe_webhook_live(json)'),
    ('webhook', 'payments.receive_stripe_webhook(text,text,text)'),
    ('webhook', 'payments.receive_stripe_webhook(text,bytea,text)'),

    ('admin', 'payments.stripe_request(uuid)'),
    ('admin', 'payments.record_stripe_response(uuid,jsonb)'),
    ('admin', 'payments.record_stripe_error(uuid,text)'),
    ('admin', 'payments.apply_stripe_event(text,jsonb)'),
    ('admin', 'payments.sync_stripe_objects(text,jsonb)'),
    ('admin', 'payments.sync_stripe_objects(text,jsonb,timestamptz)'),
    ('admin', 'payments.set_webhook_secret(text,text,interval)'),
    ('admin', 'payments.has_webhook_secret(text)'),
    ('admin', 'payments.set_stripe_account(text,text)'),
    ('admin', 'payments.sign_test_event(jsonb)'),
    ('admin', 'payments.stored_event_verifies(text,text)'),
    ('admin', 'payments.approve_live(text)'),
    ('admin', 'payments.revoke_live()'),
    ('admin', 'payments.replay_events(text,text[])'),
    ('admin', 'payments.prune_webhook_events(interval)'),
    ('admin', 'payments.retry_fulfillments(text,text)'),
    ('admin', 'payments.rebuild_projections(text)'),
    ('admin', 'payments.verify_projections(text)'),
    ('admin', 'payments.explain(text)'),
    ('admin', 'payments.protect_subject_type(text,regclass,name,name,name,text[])'),
    ('admin', 'payments.protect_subject_type(text,regprocedure)'),
    ('admin', 'payments.unprotect_subject_type(text)'),
    ('admin', 'payments.create_app_tables(name)'),
    ('admin', 'payments.attach(text,regclass,jsonb)'),
    ('admin', 'payments.detach(text,regclass)'),
    ('admin', 'payments.detach_by_name(text,text)'),
    ('admin', 'payments.set_credit_benefit(text,text,bigint)'),
    ('admin', 'payments.set_entitlement_benefit(text,text,text,interval,boolean)'),
    ('admin', 'payments.remove_benefit(text,text,text)'),
    ('admin', 'payments.claim_jobs(integer)'),
    ('admin', 'payments.finish_job(text)'),
    ('admin', 'payments.finish_job(uuid)'),
    ('admin', 'payments.fail_job(text,text)'),
    ('admin', 'payments.fail_job(uuid,text)'),
    -- create_app_tables runs as its caller, who owns what it makes.
    ('admin', 'payments.default_table(text,text)'),
    ('admin', 'payments.secure_default_table(text,regclass)'),
    ('admin', 'payments.grant_default_table(text,regclass)'),
    ('admin', 'payments.is_attached(text,regclass)'),
    ('admin', 'payments.adjust_credits(text,text,bigint,text,text)'),
    ('admin', 'payments.grant_role(regrole,text)')
$$;

-- Privileges on tables. Of a guest and a member they are by column: what only Stripe and the backend know is not theirs.
create function payments.granted_privileges() returns table (as_ text, relation text, privileges text)
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  values
    ('guest', 'payments.checkout_sessions', 'select'),
    ('guest', 'payments.checkout_sessions',
     'insert (id, environment, mode, status, subject_type, subject_id, customer_email, line_items, success_url, cancel_url, '
     'idempotency_key, metadata)'),
    ('member', 'payments.customer_portal_sessions', 'select'),
    ('member', 'payments.customer_portal_sessions',
     'insert (id, environment, status, subject_type, subject_id, return_url, configuration_id)'),

    -- Apps hang their own triggers on these.
    ('admin', 'payments.stripe_connections', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.products', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.prices', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.customers', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.stripe_customer_mappings', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.checkout_sessions', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.customer_portal_sessions', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.payment_history', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.subscriptions', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.subscription_items', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.webhook_events', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.benefits', 'select, insert, update, delete, trigger'),
    -- These are written by payments alone.
    ('admin', 'payments.fulfillments', 'select, trigger'),
    ('admin', 'payments.attachments', 'select'),
    ('admin', 'payments.granted_roles', 'select'),
    ('admin', 'payments.review', 'select'),
    ('admin', 'payments.unfulfilled_payments', 'select'),
    ('admin', 'payments.environments', 'select'),
    ('admin', 'payments.subject_types', 'select'),
    ('admin', 'payments.facts', 'select'),
    ('admin', 'payments.links', 'select'),
    ('admin', 'payments.recovered_sessions', 'select'),
    ('admin', 'payments.mapping_claims', 'select'),
    ('admin', 'payments.active_entitlements', 'select')
$$;

-- What each includes: a member is also a guest, an admin is all but a webhook's caller.
create function payments.included_grants(as_ text) returns setof text
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select unnest(case as_ when 'member' then array['guest', 'member']
                         when 'admin' then array['guest', 'member', 'webhook', 'gateway', 'admin']
                         else array[as_] end)
$$;

/* Gives an app's role what a guest, member, admin, webhook or gateway may do. Can be run again; take it back with REVOKE, USAGE on
   schema payments included, without which CREATE EXTENSION gives nothing again.
   Raises 22023 (another word), 42501 (a role that stands above these). */
create function payments.grant_role(role regrole, as_ text) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  wanted record;
begin
  perform payments.hide_secrets_from_log(array[as_]);
  if as_ is null or as_ not in ('guest', 'member', 'admin', 'webhook', 'gateway') then
    raise exception 'role can be granted as guest, member, admin, webhook or gateway'
      using errcode = '22023', detail = payments.without_secrets(format('Asked for: %s.', coalesce(as_, 'null'))), hint = 'Pass one of these words.';
  end if;
  if role is null or role::oid = 0 or role::text = 'payments_owner' then
    raise exception 'role % cannot be granted anything', coalesce(role::text, 'null')
      using errcode = '42501', detail = 'Nobody becomes payments_owner, and PUBLIC gets nothing.', hint = 'Pass a role of the app''s own.';
  end if;

  execute format('grant usage on schema payments to %s', role);
  for wanted in
    select f.signature from payments.granted_functions() f
     where f.as_ in (select payments.included_grants(grant_role.as_)) and to_regprocedure(f.signature) is not null
  loop
    execute format('grant execute on function %s to %s', wanted.signature, role);
  end loop;
  for wanted in
    select p.relation, p.privileges from payments.granted_privileges() p
     where p.as_ in (select payments.included_grants(grant_role.as_)) and to_regclass(p.relation) is not null
  loop
    execute format('grant %s on %s to %s', wanted.privileges, wanted.relation, role);
  end loop;
  if as_ = 'admin' then
    for wanted in
      select distinct p.relation,
             format('admin_%s', case when octet_length(r.rolname) <= 50 then r.rolname else md5(r.rolname) end)::name as policy
        from payments.granted_privileges() p
        join pg_roles r on r.oid = grant_role.role::oid
       where p.as_ = 'admin' and exists (select from pg_class where oid = to_regclass(p.relation) and relkind = 'r')
    loop
      if not exists (select from pg_policy where polrelid = wanted.relation::regclass and polname = wanted.policy) then
        execute format('create policy %I on %s to %s using (true) with check (true)', wanted.policy, wanted.relation, role);
      end if;
    end loop;
  end if;
  -- While a dump is being restored, it brings the table.
  if to_regclass('payments.granted_roles') is not null then
    insert into payments.granted_roles (role, as_)
    select r.rolname, grant_role.as_ from pg_roles r where r.oid = grant_role.role::oid
    on conflict do nothing;
  end if;
end
$$;
