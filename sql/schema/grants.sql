set local search_path = pg_catalog, pg_temp;

-- The one place that grants. What a guest, member, admin, webhook or gateway may do is said here, as data.

-- Whom grant_role() has named: this record, and no privilege, decides who is trusted (src/trust.rs). CREATE EXTENSION after DROP
-- EXTENSION, which takes the functions and so what was granted on them, gives it again; what revoke_role() took back stays, so
-- that no installation gives it to a role that it knows by name. By name: a dump goes to servers where roles have other numbers.
do $install$
begin
  if current_setting('row_security') <> 'off' and to_regclass('payments.granted_roles') is null then
    create table payments.granted_roles (
      role text not null,
      as_ text not null check (as_ = any ('{guest,member,admin,webhook,gateway}')),
      revoked_at timestamptz,
      created_at timestamptz not null default now(),
      primary key (role, as_)
    );
  end if;
end
$install$;

-- The schemas of our tables. No app's role has USAGE on the second one.
create function payments.table_schemas() returns setof oid
  language sql stable set search_path = pg_catalog, pg_temp
as $$ select n.oid from pg_namespace n where n.nspname in ('payments', 'payments_registry') $$;

-- Functions by who may execute them; one that this version does not have is passed over.
create function payments.granted_functions() returns table (as_ text, signature text)
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  values
    -- What policies and paywalls of an app ask: a guest gets an answer too, namely no.
    ('guest', 'payments.current_user_id()'),
    ('guest', 'payments.owns_subject(text,text)'),
    ('guest', 'payments.my_subjects(text)'),
    ('guest', 'payments.may_use_subject(text,text)'),
    ('guest', 'payments.my_usable_subjects(text)'),
    ('guest', 'payments.caller()'),
    ('guest', 'payments.caller_subjects()'),
    ('guest', 'payments.caller_subjects(text)'),
    ('guest', 'payments.caller_owns(text,text)'),
    ('guest', 'payments.caller_usable_subjects()'),
    ('guest', 'payments.caller_usable_subjects(text)'),
    ('member', 'payments.caller_access_until(text,text)'),
    ('guest', 'payments.has_entitlement(text)'),
    ('guest', 'payments.has_active_subscription(text,text,boolean)'),
    ('guest', 'payments.my_entitlements()'),
    ('guest', 'payments.my_active_subscriptions(text,boolean)'),
    ('guest', 'payments.credit_balance(text,text)'),
    ('guest', 'payments.my_credit_balances(text)'),
    -- Asking to pay; what a guest may not ask for is refused with its reason.
    ('guest', 'payments.create_checkout_session(text,text,jsonb,text,text,text,text,text,jsonb,text)'),
    ('guest', 'payments.create_customer_portal_session(text,text,text,text,text)'),
    ('guest', 'payments.insert_checkout_session(text,text,jsonb,text,text,text,text,text,jsonb,text)'),
    ('guest', 'payments.insert_portal_session(text,text,text,text,text)'),
    ('guest', 'payments.check_checkout_session(text,text,jsonb,text,text,text,text,text,jsonb,text)'),
    ('guest', 'payments.check_portal_session(text,text,text,text,text)'),
    ('guest', 'payments.request_digest(text)'),
    ('guest', 'payments.without_secrets(text)'),
    ('guest', 'payments.ordinary_search_path()'),
    ('guest', 'payments.caller_is_admin()'),

    ('member', 'payments.request_subscription_change(text,text,text,text,bigint,text)'),
    ('member', 'payments.insert_subscription_request(text,text,text,text,bigint,text)'),
    ('member', 'payments.spend_credits(text,text,bigint,text,text)'),

    ('webhook', 'payments.stripe_webhook_test(json)'),
    ('webhook', 'payments.stripe_webhook_live(json)'),
    ('webhook', 'payments.receive_stripe_webhook(text,text,text)'),
    ('webhook', 'payments.receive_stripe_webhook(text,bytea,text)'),
    ('webhook', 'payments.receive_stripe_webhooks(text,text[],text[])'),
    ('webhook', 'payments.answer_webhook(text,json)'),
    ('webhook', 'payments.answer_at_endpoint(text,text,text)'),
    ('webhook', 'payments.signature_header()'),

    ('admin', 'payments.insert_checkout_session_of_backend(text,text,jsonb,text,text,text,text,text,jsonb,text)'),
    ('admin', 'payments.insert_portal_session_of_backend(text,text,text,text,text)'),
    ('admin', 'payments.insert_subscription_request_of_backend(text,text,text,text,bigint,text)'),
    ('admin', 'payments.has_entitlement(text,text)'),
    ('admin', 'payments.entitlements_of(text)'),
    ('admin', 'payments.stripe_request(uuid)'),
    ('admin', 'payments.stripe_version()'),
    ('admin', 'payments.set_checkout_defaults(text,jsonb,text)'),
    ('admin', 'payments.record_stripe_response(uuid,jsonb)'),
    ('admin', 'payments.record_stripe_error(uuid,text)'),
    ('admin', 'payments.claim_session_requests(integer,interval)'),
    ('admin', 'payments.postpone_session_request(uuid,interval,text)'),
    ('admin', 'payments.claim_stripe_reads(integer,interval)'),
    ('admin', 'payments.handled_event_types()'),
    ('admin', 'payments.events_cursor(text)'),
    ('admin', 'payments.set_events_cursor(text,text)'),
    ('admin', 'payments.record_webhook_endpoint(text,text,text,text)'),
    ('admin', 'payments.sync_position(text,text)'),
    ('admin', 'payments.record_sync(text,text,text,bigint,boolean,text)'),
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
    ('admin', 'payments.payment_facts(uuid)'),
    ('admin', 'payments.doctor()'),
    ('admin', 'payments.protect_subject_type(text,regclass,name,name,name,text[],text[])'),
    ('admin', 'payments.protect_subject_type(text,regprocedure,regprocedure)'),
    ('admin', 'payments.unprotect_subject_type(text)'),
    ('admin', 'payments.create_app_tables(name)'),
    ('admin', 'payments.attach(text,regclass,jsonb)'),
    ('admin', 'payments.detach(text,regclass)'),
    ('admin', 'payments.detach_by_name(text,text)'),
    ('admin', 'payments.set_credit_benefit(text,text,bigint,interval,boolean,interval,boolean)'),
    ('admin', 'payments.set_entitlement_benefit(text,text,text,interval,boolean,boolean)'),
    ('admin', 'payments.remove_benefit(text,text,text)'),
    ('admin', 'payments.create_order(text,jsonb,text,text,text,regclass)'),
    ('admin', 'payments.claim_jobs(integer)'),
    ('admin', 'payments.finish_job(text)'),
    ('admin', 'payments.finish_job(uuid)'),
    ('admin', 'payments.fail_job(text,text)'),
    ('admin', 'payments.fail_job(uuid,text)'),
    -- create_app_tables runs as its caller, who owns what it makes.
    ('admin', 'payments.default_table(text,text)'),
    ('admin', 'payments.secure_default_table(text,regclass)'),
    ('admin', 'payments.default_table_privileges(text,text)'),
    ('admin', 'payments.grant_default_table(text,regclass)'),
    ('admin', 'payments.is_attached(text,regclass)'),
    ('admin', 'payments.has_rights_of(name,oid)'),
    ('admin', 'payments.check_app_schema(name)'),
    ('admin', 'payments.check_app_table(name,name)'),
    ('admin', 'payments.adjust_credits(text,text,bigint,text,text)'),
    ('admin', 'payments.grant_role(regrole,text)'),
    ('admin', 'payments.revoke_role(regrole,text)')
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
    ('member', 'payments.subscription_requests', 'select'),
    ('member', 'payments.subscription_requests',
     'insert (id, environment, status, stripe_subscription_id, action, stripe_price_id, quantity, idempotency_key)'),
    ('member', 'payments.my_invoices', 'select'),
    ('member', 'payments.my_payment_methods', 'select'),
    ('member', 'payments.my_subscriptions', 'select'),

    -- Apps hang their own triggers on these.
    ('admin', 'payments.stripe_connections', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.products', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.prices', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.customers', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.stripe_customer_mappings', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.checkout_sessions', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.customer_portal_sessions', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.subscription_requests', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.payment_history', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.subscriptions', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.subscription_items', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.invoices', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.payment_methods', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.webhook_events', 'select, insert, update, delete, trigger'),
    ('admin', 'payments.benefits', 'select, insert, update, delete, trigger'),
    -- These are written by payments alone.
    ('admin', 'payments.checkout_defaults', 'select'),
    ('admin', 'payments.fulfillments', 'select, trigger'),
    ('admin', 'payments.subscription_changes', 'select, trigger'),
    ('admin', 'payments.notices', 'select, trigger'),
    ('admin', 'payments.subscription_history', 'select'),
    ('admin', 'payments.credit_promises', 'select'),
    ('admin', 'payments.credit_holders', 'select'),
    ('admin', 'payments.credit_lots', 'select'),
    ('admin', 'payments.credit_schedules', 'select'),
    ('admin', 'payments.request_leases', 'select'),
    ('admin', 'payments.read_leases', 'select'),
    ('admin', 'payments.sync_progress', 'select'),
    ('admin', 'payments.attachments', 'select'),
    ('admin', 'payments.granted_roles', 'select'),
    ('admin', 'payments.review', 'select'),
    ('admin', 'payments.unfulfilled_payments', 'select'),
    ('admin', 'payments.revenue_by_day', 'select'),
    ('admin', 'payments.monthly_recurring_revenue', 'select'),
    ('admin', 'payments.environments', 'select'),
    ('admin', 'payments.subject_types', 'select'),
    ('admin', 'payments.facts', 'select'),
    ('admin', 'payments.fact_links', 'select'),
    ('admin', 'payments.recovered_sessions', 'select'),
    ('admin', 'payments.mapping_claims', 'select'),
    ('admin', 'payments.active_entitlements', 'select'),
    -- The tables of the two views of that name, which read with their reader's rights. No admin has USAGE on the schema.
    ('admin', 'payments_registry.attachments', 'select'),
    ('admin', 'payments_registry.subject_types', 'select')
$$;

-- Our own tables and views. Somebody else may have made others in our schemas.
create function payments.own_relations() returns setof oid
  language sql stable set search_path = pg_catalog, pg_temp
as $$ select distinct to_regclass(p.relation)::oid from payments.granted_privileges() p where to_regclass(p.relation) is not null $$;

-- What each includes: a member is also a guest, an admin is all but a webhook's caller.
create function payments.included_grants(as_ text) returns setof text
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select unnest(case as_ when 'member' then array['guest', 'member']
                         when 'admin' then array['guest', 'member', 'webhook', 'gateway', 'admin']
                         else array[as_] end)
$$;

-- The name of the policy by which an admin sees and writes every row of a table.
create function payments.admin_policy(role text) returns name
  language sql immutable set search_path = pg_catalog, pg_temp
as $$ select format('admin_%s', case when octet_length($1) <= 50 then $1 else md5($1) end)::name $$;

-- What gives a role what a guest, member, admin, webhook or gateway may do. src/trust.rs runs it as the tables' owner.
create function payments.role_grants(role regrole, as_ text) returns setof text
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select format('grant usage on schema payments to %s', $1)
  union all
  select format('grant execute on function %s to %s', f.signature, $1)
    from payments.granted_functions() f
   where f.as_ in (select payments.included_grants($2)) and to_regprocedure(f.signature) is not null
  union all
  select format('grant %s on %s to %s', p.privileges, p.relation, $1)
    from payments.granted_privileges() p
   where p.as_ in (select payments.included_grants($2)) and to_regclass(p.relation) is not null
  union all
  select format('create policy %I on %s to %s using (true) with check (true)', payments.admin_policy(r.rolname), c.oid::regclass, $1)
    from (select distinct to_regclass(p.relation)::oid as oid from payments.granted_privileges() p where p.as_ = 'admin') t
    join pg_class c on c.oid = t.oid and c.relkind = 'r'
    join pg_roles r on r.oid = $1::oid
   where $2 = 'admin'
     and not exists (select from pg_policy o where o.polrelid = c.oid and o.polname = payments.admin_policy(r.rolname))
$$;

-- What takes it back, but for what the role keeps as something else that was recorded.
create function payments.role_revokes(role regrole, as_ text) returns setof text
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with left_as as (
    select included.as_
      from payments.granted_roles g
      join pg_roles r on r.rolname = g.role and r.oid = $1::oid
     cross join lateral payments.included_grants(g.as_) as included (as_)
     where g.revoked_at is null and g.as_ <> $2
  ), gone as (
    select i as as_ from payments.included_grants($2) i except select l.as_ from left_as l
  )
  select format('revoke execute on function %s from %s', f.signature, $1)
    from payments.granted_functions() f
   where f.as_ in (select g.as_ from gone g) and to_regprocedure(f.signature) is not null
  union all
  select format('revoke %s on %s from %s', p.privileges, p.relation, $1)
    from payments.granted_privileges() p
   where p.as_ in (select g.as_ from gone g) and to_regclass(p.relation) is not null
  union all
  -- What a member or guest keeps on a table of which an admin had more.
  select format('grant %s on %s to %s', p.privileges, p.relation, $1)
    from payments.granted_privileges() p
   where p.as_ in (select l.as_ from left_as l) and to_regclass(p.relation) is not null
  union all
  select format('drop policy %I on %s', o.polname, o.polrelid::regclass)
    from pg_roles r join pg_policy o on o.polname = payments.admin_policy(r.rolname)
   where r.oid = $1::oid and 'admin' in (select g.as_ from gone g)
     and o.polrelid in (select c.oid from pg_class c where c.relnamespace in (select payments.table_schemas()))
  union all
  select format('revoke usage on schema payments from %s', $1)
   where not exists (select from left_as)
$$;

create function payments.check_role_word(role regrole, as_ text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.hide_secrets_from_log(array[as_]);
  if as_ is null or as_ not in ('guest', 'member', 'admin', 'webhook', 'gateway') then
    raise exception 'role can be granted as guest, member, admin, webhook or gateway'
      using errcode = '22023', detail = payments.without_secrets(format('Asked for: %s.', coalesce(as_, 'null'))), hint = 'Pass one of these words.';
  end if;
  if role is null or role::oid = 0 or role::text in ('payments_owner', 'payments_definer', 'payments_registrar') then
    raise exception 'role % cannot be granted anything', coalesce(role::text, 'null')
      using errcode = '42501', detail = 'Nobody becomes one of the extension''s own roles, and PUBLIC gets nothing.', hint = 'Pass a role of the app''s own.';
  end if;
end
$$;

/* Records that a role is a guest, member, admin, webhook or gateway, which is what trust goes by, and gives it what that may do,
   also with the tables that create_app_tables() made. Can be run again.
   Raises 22023 (another word), 42501 (a role that stands above these, or the caller is no admin). */
create function payments.grant_role(role regrole, as_ text) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_registry';

create function payments.grant_role_body(role regrole, as_ text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.check_role_word(role, as_);
  -- While a dump is being restored, it brings the table.
  if to_regclass('payments.granted_roles') is not null then
    insert into payments.granted_roles (role, as_)
    select r.rolname, grant_role_body.as_ from pg_roles r where r.oid = grant_role_body.role::oid
    on conflict on constraint granted_roles_pkey do update set revoked_at = null;
  end if;
  perform payments.change_grants(role, as_, true);
  perform payments.change_app_table_grants(role, as_, true);
end
$$;

/* Takes back what grant_role() gave, also with the tables that create_app_tables() made. It stays taken back: neither DROP EXTENSION and CREATE EXTENSION nor a dump gives it again to
   a role that the installation knows by its name. What the role is besides, it stays. Returns whether it was recorded so.
   Raises 22023 (another word), 42501. */
create function payments.revoke_role(role regrole, as_ text) returns boolean
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_registry';

create function payments.revoke_role_body(role regrole, as_ text) returns boolean
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  was_recorded boolean;
begin
  perform payments.check_role_word(role, as_);
  was_recorded := exists (select from payments.granted_roles g join pg_roles r on r.rolname = g.role
                           where r.oid = revoke_role_body.role::oid and g.as_ = revoke_role_body.as_ and g.revoked_at is null);
  insert into payments.granted_roles (role, as_, revoked_at)
  select r.rolname, revoke_role_body.as_, now() from pg_roles r where r.oid = revoke_role_body.role::oid
  on conflict on constraint granted_roles_pkey do update set revoked_at = excluded.revoked_at;
  perform payments.change_grants(role, as_, false);
  if was_recorded then
    perform payments.change_app_table_grants(role, as_, false);
  end if;
  return was_recorded;
end
$$;

-- What row security does not cover (TRUNCATE, TRIGGER, REFERENCES, MAINTAIN) is nobody's whom no record backs: an admin has
-- TRIGGER where it says so above. Where somebody was given more (GRANT ALL on all tables of the schema, say), this takes it back.
create function payments.unbacked_grants() returns setof text
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select distinct format('revoke %s on %s from %s cascade', e.privilege_type, c.oid::regclass,
                         case e.grantee when 0 then 'public' else e.grantee::regrole::text end)
    from pg_class c
   cross join lateral (
     select a.grantee, a.privilege_type from aclexplode(c.relacl) a
     union all
     select a.grantee, format('%s (%I)', a.privilege_type, t.attname)
       from pg_attribute t cross join lateral aclexplode(t.attacl) a
      where t.attrelid = c.oid and a.privilege_type = 'REFERENCES') e
   where c.relnamespace in (select payments.table_schemas()) and c.relkind in ('r', 'p', 'v')
     and e.privilege_type ~ '^(TRUNCATE|TRIGGER|REFERENCES|MAINTAIN)'
     and e.grantee <> c.relowner
     and not (e.privilege_type = 'TRIGGER'
              and exists (select from payments.granted_privileges() p
                           where p.as_ = 'admin' and p.relation = c.oid::regclass::text and p.privileges ~ 'trigger')
              and exists (select from payments.granted_roles g join pg_roles r on r.rolname = g.role
                           where r.oid = e.grantee and g.as_ = 'admin' and g.revoked_at is null))
$$;

create function payments.take_back_grants() returns event_trigger
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'take_back_grants';

-- A role may do some things to itself: take its own name out of every policy (DROP OWNED BY itself), after which ours would do nothing,
-- and say what its own objects are granted by default, after which no installation would trust the schema. Code of an app's that
-- runs as one of ours may not.
create function payments.refuse_own_ddl() returns event_trigger
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user in ('payments_owner', 'payments_definer', 'payments_registrar') then
    raise exception 'role % may not do this to itself', current_user
      using errcode = '42501', detail = format('Command: %s.', tg_tag), hint = 'Leave it out of triggers on the tables of payments.';
  end if;
end
$$;

-- Row security does not cover TRUNCATE either, whoever holds the privilege.
create function payments.refuse_truncate() returns trigger
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if not (select r.rolsuper from pg_roles r where r.rolname = current_user) then
    raise exception 'table %.% is not to be emptied', tg_table_schema, tg_table_name
      using errcode = '42501', detail = format('Role %s is not a superuser; row security does not cover TRUNCATE.', current_user),
            hint = 'Delete the rows that are to go; old events go with payments.prune_webhook_events().';
  end if;
  return null;
end
$$;
set local search_path = payments, pg_temp;
