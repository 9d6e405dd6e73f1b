set local search_path = pg_catalog, pg_temp;

-- What the doctor asks about constraints, indexes and views: they are as the extension made them; see doctor.sql.

-- Every constraint that an index backs, and every other index, as the server writes them.
create function payments.own_indexes() returns table (relation text, name text, definition text)
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  values
    ('payments.environments', 'environments_pkey', 'PRIMARY KEY (environment)'),
    ('payments.stripe_connections', 'stripe_connections_pkey', 'PRIMARY KEY (id)'),
    ('payments.stripe_connections', 'stripe_connections_environment_key', 'UNIQUE (environment)'),
    ('payments.products', 'products_pkey', 'PRIMARY KEY (id)'),
    ('payments.products', 'products_stripe_product_id_environment_key', 'UNIQUE (stripe_product_id, environment)'),
    ('payments.prices', 'prices_pkey', 'PRIMARY KEY (id)'),
    ('payments.prices', 'prices_stripe_price_id_environment_key', 'UNIQUE (stripe_price_id, environment)'),
    ('payments.prices', 'prices_product_idx', 'INDEX btree (stripe_product_id, environment)'),
    ('payments.prices', 'prices_lookup_key_idx', 'INDEX btree (lookup_key, environment) WHERE (lookup_key IS NOT NULL)'),
    ('payments.customers', 'customers_pkey', 'PRIMARY KEY (id)'),
    ('payments.customers', 'customers_stripe_customer_id_environment_key', 'UNIQUE (stripe_customer_id, environment)'),
    ('payments.stripe_customer_mappings', 'stripe_customer_mappings_pkey', 'PRIMARY KEY (id)'),
    ('payments.stripe_customer_mappings', 'stripe_customer_mappings_subject_type_subject_id_environmen_key',
     'UNIQUE (subject_type, subject_id, environment)'),
    ('payments.stripe_customer_mappings', 'stripe_customer_mappings_stripe_customer_id_environment_key', 'UNIQUE (stripe_customer_id, environment)'),
    ('payments.mapping_claims', 'mapping_claims_pkey', 'PRIMARY KEY (stripe_checkout_session_id, environment)'),
    ('payments.mapping_claims', 'mapping_claims_subject_idx', 'INDEX btree (subject_id, subject_type, environment)'),
    ('payments.mapping_claims', 'mapping_claims_customer_idx', 'INDEX btree (stripe_customer_id, environment)'),
    ('payments.checkout_sessions', 'checkout_sessions_pkey', 'PRIMARY KEY (id)'),
    ('payments.checkout_sessions', 'checkout_sessions_stripe_checkout_session_id_environment_key', 'UNIQUE (stripe_checkout_session_id, environment)'),
    ('payments.checkout_sessions', 'checkout_sessions_idempotency_key_idx',
     'UNIQUE INDEX btree (idempotency_key, environment) WHERE (idempotency_key IS NOT NULL)'),
    ('payments.checkout_sessions', 'checkout_sessions_payment_intent_idx',
     'INDEX btree (stripe_payment_intent_id, environment) WHERE (stripe_payment_intent_id IS NOT NULL)'),
    ('payments.checkout_sessions', 'checkout_sessions_subscription_idx',
     'INDEX btree (stripe_subscription_id, environment) WHERE (stripe_subscription_id IS NOT NULL)'),
    ('payments.checkout_sessions', 'checkout_sessions_line_items_idx', 'INDEX gin (line_items jsonb_path_ops) WHERE (status = ''completed''::text)'),
    ('payments.checkout_sessions', 'checkout_sessions_order_idx',
     'INDEX hash (((metadata ->> ''order_id''::text))) WHERE ((metadata ->> ''order_id''::text) IS NOT NULL)'),
    ('payments.checkout_sessions', 'checkout_sessions_subject_idx', 'INDEX btree (subject_type, subject_id) WHERE (subject_id IS NOT NULL)'),
    ('payments.checkout_sessions', 'checkout_sessions_created_by_idx', 'INDEX btree (created_by, created_at) WHERE (created_by IS NOT NULL)'),
    ('payments.checkout_sessions', 'checkout_sessions_by_backend_idx',
     'INDEX btree (subject_type, subject_id) WHERE ((subject_id IS NOT NULL) AND (created_by IS NULL))'),
    ('payments.checkout_sessions', 'checkout_sessions_waiting_idx', 'INDEX btree (created_at) WHERE (status = ''initialized''::text)'),
    ('payments.recovered_sessions', 'recovered_sessions_pkey', 'PRIMARY KEY (stripe_checkout_session_id, environment)'),
    ('payments.recovered_sessions', 'recovered_sessions_recovered_from_idx', 'INDEX btree (recovered_from, environment)'),
    ('payments.customer_portal_sessions', 'customer_portal_sessions_pkey', 'PRIMARY KEY (id)'),
    ('payments.customer_portal_sessions', 'customer_portal_sessions_subject_idx', 'INDEX btree (subject_type, subject_id)'),
    ('payments.customer_portal_sessions', 'customer_portal_sessions_created_by_idx',
     'INDEX btree (created_by, created_at) WHERE (created_by IS NOT NULL)'),
    ('payments.customer_portal_sessions', 'customer_portal_sessions_waiting_idx', 'INDEX btree (created_at) WHERE (status = ''initialized''::text)'),
    ('payments.payment_history', 'payment_history_pkey', 'PRIMARY KEY (id)'),
    ('payments.payment_history', 'payment_history_payment_intent_idx',
     'UNIQUE INDEX btree (stripe_payment_intent_id, environment) WHERE ((stripe_payment_intent_id IS NOT NULL) AND (type <> ''refund''::text))'),
    ('payments.payment_history', 'payment_history_checkout_session_idx',
     'UNIQUE INDEX btree (stripe_checkout_session_id, environment) WHERE ((stripe_checkout_session_id IS NOT NULL) AND (type <> ''refund''::text))'),
    ('payments.payment_history', 'payment_history_invoice_idx',
     'UNIQUE INDEX btree (stripe_invoice_id, environment) WHERE ((stripe_invoice_id IS NOT NULL) AND (type <> ''refund''::text))'),
    ('payments.payment_history', 'payment_history_refund_idx',
     'UNIQUE INDEX btree (stripe_refund_id, environment) WHERE (stripe_refund_id IS NOT NULL)'),
    ('payments.payment_history', 'payment_history_dispute_idx',
     'UNIQUE INDEX btree (stripe_dispute_id, environment) WHERE (stripe_dispute_id IS NOT NULL)'),
    ('payments.payment_history', 'payment_history_returned_idx',
     'INDEX btree (stripe_subscription_id) WHERE ((type = ''subscription_invoice''::text) AND ((amount_refunded > 0) OR (dispute_status IS NOT '
     'NULL)))'),
    ('payments.payment_history', 'payment_history_subscription_idx',
     'INDEX btree (stripe_subscription_id, environment) WHERE (invoice_lines IS NOT NULL)'),
    ('payments.payment_history', 'payment_history_charge_idx',
     'INDEX btree (stripe_charge_id, environment) WHERE ((by_backend OR ((stripe_payment_intent_id IS NULL) AND (stripe_checkout_session_id IS '
     'NULL) AND (stripe_invoice_id IS NULL))) AND (type <> ''refund''::text) AND (type <> ''dispute''::text))'),
    ('payments.subscriptions', 'subscriptions_pkey', 'PRIMARY KEY (id)'),
    ('payments.subscriptions', 'subscriptions_stripe_subscription_id_environment_key', 'UNIQUE (stripe_subscription_id, environment)'),
    ('payments.subscriptions', 'subscriptions_customer_idx', 'INDEX btree (stripe_customer_id, environment)'),
    ('payments.subscriptions', 'subscriptions_subject_idx', 'INDEX btree (subject_type, subject_id) WHERE (subject_id IS NOT NULL)'),
    ('payments.subscription_items', 'subscription_items_pkey', 'PRIMARY KEY (id)'),
    ('payments.subscription_items', 'subscription_items_stripe_subscription_item_id_environment_key',
     'UNIQUE (stripe_subscription_item_id, environment)'),
    ('payments.subscription_items', 'subscription_items_subscription_idx', 'INDEX btree (stripe_subscription_id, environment)'),
    ('payments.active_entitlements', 'active_entitlements_pkey', 'PRIMARY KEY (id)'),
    ('payments.active_entitlements', 'active_entitlements_stripe_customer_id_lookup_key_environme_key',
     'UNIQUE (stripe_customer_id, lookup_key, environment)'),
    ('payments.webhook_events', 'webhook_events_pkey', 'PRIMARY KEY (id)'),
    ('payments.webhook_events', 'webhook_events_stripe_event_id_environment_key', 'UNIQUE (stripe_event_id, environment)'),
    ('payments.webhook_events', 'webhook_events_object_idx',
     'INDEX btree (object_id, environment) WHERE ((object_type = ANY (ARRAY[''customer''::text, ''subscription''::text, ''payment_method''::text, '
     '''product''::text, ''price''::text])) OR (processing_status = ANY (ARRAY[''failed''::text, ''ignored''::text])) OR (conflict IS NOT NULL) '
     'OR (refused_count > 0))'),
    ('payments.webhook_events', 'webhook_events_received_idx', 'INDEX brin (received_at)'),
    ('payments.webhook_events', 'webhook_events_open_idx', 'INDEX btree (received_at) WHERE (processing_status = ANY (''{failed,pending}''::text[]))'),
    ('payments.facts', 'facts_pkey', 'PRIMARY KEY (object_id, event_id, environment)'),
    ('payments.facts', 'facts_group_id_idx', 'INDEX btree (group_id, environment) WHERE (group_id IS NOT NULL)'),
    ('payments.facts', 'facts_customer_idx', 'INDEX btree (stripe_customer_id, environment) WHERE (stripe_customer_id IS NOT NULL)'),
    ('payments.facts', 'facts_subscription_idx', 'INDEX btree (stripe_subscription_id, environment) WHERE (stripe_subscription_id IS NOT NULL)'),
    ('payments.fact_links', 'fact_links_pkey', 'PRIMARY KEY (key, environment)'),
    ('payments.subscription_requests', 'subscription_requests_pkey', 'PRIMARY KEY (id)'),
    ('payments.subscription_requests', 'subscription_requests_key_idx',
     'UNIQUE INDEX btree (idempotency_key, created_by, environment) NULLS NOT DISTINCT WHERE (idempotency_key IS NOT NULL)'),
    ('payments.subscription_requests', 'subscription_requests_subject_idx', 'INDEX btree (subject_type, subject_id) WHERE (subject_id IS NOT NULL)'),
    ('payments.subscription_requests', 'subscription_requests_created_by_idx', 'INDEX btree (created_by, created_at) WHERE (created_by IS NOT NULL)'),
    ('payments.subscription_requests', 'subscription_requests_subscription_idx', 'INDEX btree (stripe_subscription_id, created_at)'),
    ('payments.subscription_requests', 'subscription_requests_waiting_idx', 'INDEX btree (created_at) WHERE (status = ''initialized''::text)'),
    ('payments.request_leases', 'request_leases_pkey', 'PRIMARY KEY (session_id)'),
    ('payments.read_leases', 'read_leases_pkey', 'PRIMARY KEY (path, environment)'),
    ('payments.sync_progress', 'sync_progress_pkey', 'PRIMARY KEY (resource, environment)'),
    ('payments.benefits', 'benefits_pkey', 'PRIMARY KEY (id)'),
    ('payments.benefits', 'benefits_given_by_idx',
     'UNIQUE INDEX btree (COALESCE(stripe_price_id, stripe_product_id), COALESCE(key, ''''::text), environment)'),
    ('payments.benefits', 'benefits_by_product_idx', 'INDEX btree (environment) WHERE (stripe_product_id IS NOT NULL)'),
    ('payments_registry.attachments', 'attachments_pkey', 'PRIMARY KEY (kind, relation)'),
    ('payments_registry.attachments', 'attachments_target_idx', 'UNIQUE INDEX btree (kind, target)'),
    ('payments.credit_promises', 'credit_promises_pkey', 'PRIMARY KEY (stripe_subscription_id, stripe_invoice_id, stripe_price_id, environment)'),
    ('payments.credit_holders', 'credit_holders_pkey', 'PRIMARY KEY (stripe_subscription_id, stripe_invoice_id, target_table, environment)'),
    ('payments.credit_lots', 'credit_lots_pkey', 'PRIMARY KEY (source, target_table, environment)'),
    ('payments.credit_lots', 'credit_lots_subject_idx', 'INDEX btree (subject_id, subject_type)'),
    ('payments.credit_lots', 'credit_lots_due_idx', 'INDEX btree (expires_at) WHERE (lapsed IS NULL)'),
    ('payments.credit_schedules', 'credit_schedules_pkey', 'PRIMARY KEY (stripe_subscription_id, target_table, environment)'),
    ('payments.credit_schedules', 'credit_schedules_subject_idx', 'INDEX btree (subject_id, subject_type)'),
    ('payments.credit_schedules', 'credit_schedules_next_idx', 'INDEX btree (next_at)'),
    ('payments.fulfillments', 'fulfillments_pkey', 'PRIMARY KEY (source, kind, target_table, item, environment)'),
    ('payments.fulfillments', 'fulfillments_item_idx',
     'INDEX btree (item, target_table) WHERE ((kind = ''orders''::text) OR starts_with(item, ''undecided:''::text))'),
    ('payments.fulfillments', 'fulfillments_holder_idx', 'INDEX btree (holder, item, target_table) WHERE (holder IS NOT NULL)'),
    ('payments.fulfillments', 'fulfillments_open_idx',
     'INDEX btree (environment, state) WHERE (state = ANY (ARRAY[''needs_review''::text, ''failed''::text]))'),
    ('payments.subscription_history', 'subscription_history_pkey', 'PRIMARY KEY (stripe_subscription_id, event_id, environment)'),
    ('payments.subscription_history', 'subscription_history_coupons_idx', 'INDEX gin (coupon_ids) WHERE (coupon_ids IS NOT NULL)'),
    ('payments.subscription_changes', 'subscription_changes_pkey', 'PRIMARY KEY (id)'),
    ('payments.subscription_changes', 'subscription_changes_stripe_subscription_id_changed_at_envi_key',
     'UNIQUE (stripe_subscription_id, changed_at, environment)'),
    ('payments.notices', 'notices_pkey', 'PRIMARY KEY (id)'),
    ('payments.notices', 'notices_about_source_kind_environment_key', 'UNIQUE (about, source, kind, environment)'),
    ('payments_registry.subject_types', 'subject_types_pkey', 'PRIMARY KEY (subject_type)'),
    ('payments.granted_roles', 'granted_roles_pkey', 'PRIMARY KEY (role, as_)'),
    ('payments.invoices', 'invoices_pkey', 'PRIMARY KEY (id)'),
    ('payments.invoices', 'invoices_stripe_invoice_id_environment_key', 'UNIQUE (stripe_invoice_id, environment)'),
    ('payments.invoices', 'invoices_subject_idx', 'INDEX btree (subject_type, subject_id) WHERE (subject_id IS NOT NULL)'),
    ('payments.payment_methods', 'payment_methods_pkey', 'PRIMARY KEY (id)'),
    ('payments.payment_methods', 'payment_methods_stripe_payment_method_id_environment_key', 'UNIQUE (stripe_payment_method_id, environment)'),
    ('payments.payment_methods', 'payment_methods_customer_idx', 'INDEX btree (stripe_customer_id, environment)'),
    ('payments.checkout_defaults', 'checkout_defaults_pkey', 'PRIMARY KEY (id)'),
    ('payments.checkout_defaults', 'checkout_defaults_price_idx', 'UNIQUE INDEX btree (COALESCE(stripe_price_id, ''''::text), environment)')
$$;

create function payments.doctor_indexes() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with wanted as materialized (
    select o.relation, o.name, c.oid, c.relnamespace, p.is_index,
           case when p.is_index then regexp_replace(o.definition, '^((UNIQUE )?INDEX)', format('CREATE \1 %s ON %s USING', o.name, o.relation))
                else format('ALTER TABLE %s ADD CONSTRAINT %s %s', o.relation, o.name, o.definition) end as ddl
      from payments.own_indexes() o
      join pg_class c on c.oid = to_regclass(o.relation)
     cross join lateral (select o.definition ~ '^(UNIQUE )?INDEX' as is_index) p
  ), found as materialized (
    select w.*, f.oid is not null as is_there,
           coalesce(w.ddl = case when w.is_index then pg_get_indexdef(f.oid)
                                 else (select format('ALTER TABLE %s ADD CONSTRAINT %s %s', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid))
                                         from pg_constraint k where k.conindid = f.oid and k.contype in ('p', 'u') and k.conrelid = w.oid) end, false) as same
      from wanted w
      left join pg_class f on f.relnamespace = w.relnamespace and f.relname = w.name
  )
  select false, format('The %s %s on %s %s.', case when f.is_index then 'index' else 'constraint' end, f.name, f.relation,
                       case when f.is_there then 'was altered' else 'is gone' end)
                || case when f.ddl ~ '(UNIQUE|PRIMARY KEY)' then ' Where there are equal rows by now, the fix says so: delete all but one.' else '' end,
         case when f.is_there then format('do %L', format('begin %s%I; %s; end',
                case when f.is_index or k.conname is null then 'drop index ' || quote_ident(n.nspname) || '.'
                     else format('alter table %s drop constraint ', k.conrelid::regclass) end, f.name, f.ddl))
              else f.ddl end,
         'superuser'
    from found f
    join pg_namespace n on n.oid = f.relnamespace
    left join pg_constraint k on k.conrelid = f.oid and k.conname = f.name
   where not f.same
   order by f.relation, f.name
$$;

-- Every view of ours: the option that says with whose rights it reads or what it hides, what makes it, and a digest of what it says,
-- without white space and parentheses, and without the tables that columns are of, which not every version of PostgreSQL writes.
create function payments.own_views() returns table (relation text, options text, maker text, digest text)
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  values
    ('payments.attachments', 'security_invoker=true', 'make_attachments_view', '5f47ac081de53af4ef39d765cf8213c7'),
    ('payments.monthly_recurring_revenue', 'security_invoker=true', 'make_figure_views', 'd4d56cf1866b28b5e0f7f5b7f3f3f272'),
    ('payments.my_invoices', 'security_barrier=true', 'make_billing_views', 'b37cb18f82785d3e7c989c085abcd238'),
    ('payments.my_payment_methods', 'security_barrier=true', 'make_billing_views', '09a95709ef203d4a19c059e7366bd3a5'),
    ('payments.my_subscriptions', 'security_barrier=true', 'make_billing_views', '227460bb4f0d825eb015592337072f1c'),
    ('payments.revenue_by_day', 'security_invoker=true', 'make_figure_views', '418aff3faff207d2bf9dfd4b417942b6'),
    ('payments.review', 'security_invoker=true', 'make_review_views', 'd679b924c47d890c730ea59a1e77c3c7'),
    ('payments.subject_types', 'security_invoker=true', 'make_subject_types_view', '9a0df237743fe50bda8069c2888f2eab'),
    ('payments.unfulfilled_payments', 'security_invoker=true', 'make_review_views', 'a5a28d17911da499ebf1edc2da8103c7')
$$;

create function payments.view_digest(relation oid) returns text
  language sql stable set search_path = pg_catalog, pg_temp
  set quote_all_identifiers = off set datestyle = 'ISO, MDY' set intervalstyle = 'postgres' set timezone = 'UTC'
as $$
  select md5(regexp_replace(regexp_replace(pg_get_viewdef($1), '\m\w+\.', '', 'g'), '[\s();]', '', 'g'))
$$;

-- The fix gives the new view to whom the old one was given.
create function payments.doctor_views() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false,
         case when c.oid is null then format('The view %s is gone.', o.relation)
              else format('The view %s says something else than the extension''s. Views that read it must be dropped before the fix.', o.relation) end,
         format('do %L', format('begin %1$sperform payments.%2$I(); alter view %3$s owner to payments_owner; grant select on %3$s to %4$s; end',
                                case when c.oid is not null then format('drop view %s; ', o.relation) else '' end, o.maker, o.relation, g.roles)),
         'superuser'
    from payments.own_views() o
    left join pg_class c on c.oid = to_regclass(o.relation)
   cross join lateral (
     select string_agg(distinct quote_ident(w.role), ', ') as roles
       from (select r.rolname
               from payments.granted_privileges() p
               join payments.granted_roles t on t.revoked_at is null and p.as_ in (select payments.included_grants(t.as_))
               join pg_roles r on r.rolname = t.role
              where p.relation = o.relation
             union all
             select 'payments_definer' where o.maker = any ('{make_review_views,make_attachments_view,make_subject_types_view}')) as w (role)) g
   where c.oid is null or payments.view_digest(c.oid) <> o.digest
  union all
  select false, format('The view %s has the option(s) %s instead of %s.', o.relation, coalesce(array_to_string(c.reloptions, ', '), 'none'), o.options),
         format('alter view %s set (%s)', o.relation, o.options), 'superuser'
    from payments.own_views() o
    join pg_class c on c.oid = to_regclass(o.relation) and c.relkind = 'v'
   where (o.options = any (c.reloptions)) is not true
$$;

set local search_path = payments, pg_temp;
