set local search_path = pg_catalog, pg_temp;

-- What the doctor asks about the database: tables, triggers, roles, settings; see doctor.sql. Indexes and views: doctor_shape.sql.
-- Row security: doctor_policies.sql. Privileges: doctor_grants.sql.

create function payments.doctor_version() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false, format('The library is of version %s, the SQL of version %s.', v.library, v.sql),
         case when o.is_older then format('alter extension payments update to %L', v.library) else 'make install' end,
         case when o.is_older then 'superuser' end
    from (select x.extversion as sql, payments.library_version() as library from pg_extension x where x.extname = 'payments') v
   cross join lateral (
     select string_to_array(split_part(v.sql, '-', 1), '.')::integer[]
            < string_to_array(split_part(v.library, '-', 1), '.')::integer[] as is_older) o
   where v.sql <> v.library
$$;

create function payments.doctor_encoding() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false, format('The database is encoded in %s. Dump it, make one in UTF8, and restore there.', getdatabaseencoding()),
         format('create database %I encoding ''UTF8'' template template0', current_database() || '_utf8'), 'superuser'
   where getdatabaseencoding() <> 'UTF8'
$$;

create function payments.doctor_tables() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false,
         format('Missing: %s. The fix makes them anew, empty, and forgets the webhook secrets: set them again.', string_agg(distinct p.relation, ', ')),
         'do ''begin drop extension payments; create extension payments; end''', 'superuser'
    from payments.granted_privileges() p
   where to_regclass(p.relation) is null and p.relation not in (select v.relation from payments.own_views() v)
  having count(*) > 0
  union all
  select false, format('%s belongs to %s, who can drop it or switch its row security off.', c.oid::regclass, pg_get_userbyid(c.relowner)),
         format('alter table %s owner to payments_owner', c.oid::regclass), 'superuser'
    from pg_class c
   where c.oid in (select payments.own_relations()) and pg_get_userbyid(c.relowner) <> 'payments_owner'
  union all
  select false, format('Schema %I belongs to %s, who can drop it.', n.nspname, r.rolname),
         format('alter schema %I owner to payments_owner', n.nspname), 'superuser'
    from pg_namespace n join pg_roles r on r.oid = n.nspowner
   where n.nspname in ('payments', 'payments_registry') and r.rolname <> 'payments_owner' and not r.rolsuper
  union all
  select false, format('%s is unlogged: a crash empties it.', c.oid::regclass), format('alter table %s set logged', c.oid::regclass), 'superuser'
    from pg_class c
   where (c.oid in (select payments.own_relations()) or c.relnamespace = 'payments_secret'::regnamespace) and c.relkind = 'r' and c.relpersistence = 'u'
  union all
  select false, format('The index %s is not valid.', i.indexrelid::regclass), format('reindex index %s', i.indexrelid::regclass), 'superuser'
    from pg_index i
   where i.indrelid in (select payments.own_relations()) and not i.indisvalid
$$;

-- Every trigger of ours, as the server writes it, and whether it fires on replicas too.
create function payments.own_triggers() returns table (relation text, name text, definition text, always boolean)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with ours as (
    select c.oid::regclass::text as relation, t.name, t.body, false as always
      from pg_class c
     cross join lateral (values
       ('payments_truncate', 'BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION payments.refuse_truncate()', null),
       ('payments_touch_updated_at', 'BEFORE UPDATE ON %s FOR EACH ROW WHEN ((new.updated_at IS DISTINCT FROM now())) '
        'EXECUTE FUNCTION payments.touch_updated_at()', 'updated_at')) as t (name, body, column_name)
     where c.oid in (select payments.own_relations()) and c.relkind = 'r'
       and (t.column_name is null
            or exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = t.column_name and not a.attisdropped))
    union all
    select 'payments.' || t.relation, t.name, t.body, t.always from (values
      ('checkout_sessions', 'payments_guard', 'BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION payments.guard_checkout_session()', false),
      ('customer_portal_sessions', 'payments_guard', 'BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION payments.guard_portal_session()', false),
      ('checkout_sessions', 'payments_secrets', 'BEFORE UPDATE OF subject_type, subject_id, customer_email, line_items, success_url, cancel_url, '
       'idempotency_key, metadata, status, stripe_checkout_session_id, stripe_customer_id, stripe_payment_intent_id, '
       'stripe_subscription_id, url, client_secret, last_error, raw ON %s FOR EACH ROW EXECUTE FUNCTION payments.keep_secrets_out()', false),
      ('customer_portal_sessions', 'payments_secrets', 'BEFORE UPDATE OF subject_type, subject_id, stripe_customer_id, return_url, '
       'configuration_id, url, last_error, raw ON %s FOR EACH ROW EXECUTE FUNCTION payments.keep_secrets_out()', false),
      ('subscription_requests', 'payments_guard', 'BEFORE INSERT ON %s FOR EACH ROW '
       'EXECUTE FUNCTION payments.guard_subscription_request()', false),
      ('subscription_requests', 'payments_secrets', 'BEFORE UPDATE OF subject_type, subject_id, stripe_subscription_id, stripe_price_id, '
       'stripe_subscription_item_id, idempotency_key, stripe_invoice_id, last_error ON %s FOR EACH ROW '
       'EXECUTE FUNCTION payments.keep_secrets_out()', false),
      ('checkout_sessions', 'payments_session_inserted', 'AFTER INSERT ON %s FOR EACH ROW '
       'WHEN ((new.stripe_checkout_session_id IS NOT NULL)) EXECUTE FUNCTION payments.on_session_linked()', false),
      ('checkout_sessions', 'payments_session_linked', 'AFTER UPDATE OF stripe_checkout_session_id ON %s FOR EACH ROW '
       'WHEN (((new.stripe_checkout_session_id IS NOT NULL) AND (new.claimed_by_session IS NULL) AND (new.recovered_from IS NULL) AND '
       '(new.stripe_checkout_session_id IS DISTINCT FROM old.stripe_checkout_session_id))) EXECUTE FUNCTION payments.on_session_linked()', false),
      ('payment_history', 'payments_adopted', 'AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT '
       'EXECUTE FUNCTION payments.adopt_payments()', false),
      ('payment_history', 'payments_adopted_late', 'AFTER UPDATE OF stripe_payment_intent_id, stripe_checkout_session_id, stripe_invoice_id, '
       'stripe_charge_id ON %s FOR EACH ROW WHEN (new.by_backend) EXECUTE FUNCTION payments.adopt_payments()', false),
      ('stripe_customer_mappings', 'payments_mapping_changed', 'AFTER INSERT OR DELETE OR UPDATE OF environment, subject_type, subject_id, '
       'stripe_customer_id ON %s FOR EACH ROW EXECUTE FUNCTION payments.follow_mapping()', false),
      ('stripe_customer_mappings', 'payments_own_mapping', 'BEFORE INSERT ON %s FOR EACH ROW WHEN ((new.evidence_event_id IS NULL)) '
       'EXECUTE FUNCTION payments.on_mapping_changed()', false),
      ('stripe_customer_mappings', 'payments_evidence_of_mapping', 'BEFORE UPDATE ON %s FOR EACH ROW '
       'EXECUTE FUNCTION payments.on_mapping_changed()', false),
      ('prices', 'invalidate_caches', 'AFTER DELETE ON %s FOR EACH ROW EXECUTE FUNCTION payments.invalidate_caches()', true),
      ('prices', 'invalidate_caches_before', 'BEFORE INSERT OR UPDATE ON %s FOR EACH STATEMENT '
       'EXECUTE FUNCTION payments.invalidate_caches()', true),
      ('prices', 'invalidate_caches_of_change', 'AFTER UPDATE ON %s FOR EACH ROW WHEN (((old.environment <> new.environment) OR '
       '(old.stripe_price_id <> new.stripe_price_id) OR ((old.stripe_product_id IS NOT NULL) AND (old.stripe_product_id IS DISTINCT FROM '
       'new.stripe_product_id)) OR (old.active <> new.active) OR (old.type IS DISTINCT FROM new.type) OR (old.recurring_interval IS DISTINCT '
       'FROM new.recurring_interval) OR (old.currency IS DISTINCT FROM new.currency) OR (old.unit_amount IS DISTINCT FROM new.unit_amount) OR '
       '(old.billing_scheme IS DISTINCT FROM new.billing_scheme))) EXECUTE FUNCTION payments.invalidate_caches()', true)) as t (relation, name, body, always)
    union all
    select c.relation, t.name, t.body, true
      from (values ('payments_registry.attachments'), ('payments.benefits'), ('payments.granted_roles'), ('payments.prices')) as c (relation)
     cross join (values
       ('invalidate_caches', 'AFTER INSERT OR DELETE OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION payments.invalidate_caches()'),
       ('invalidate_caches_of_all', 'AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION payments.invalidate_caches()')) as t (name, body)
     where not (c.relation = 'payments.prices' and t.name = 'invalidate_caches')
  )
  select o.relation, o.name, format('CREATE TRIGGER %I ', o.name) || format(o.body, o.relation), o.always
    from ours o
  union
  -- As attach() makes them; the server writes INSERT OR UPDATE and names in another case.
  select 'payments.' || p.relation, p.name, format('create trigger %I %s', p.name, p.definition), false
    from (select distinct a.kind from payments_registry.attachments a) a
   cross join lateral payments.projection_triggers(a.kind) p
$$;

create function payments.doctor_triggers() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false,
         format('The trigger %I on %s %s.', o.name, o.relation,
                case when t.oid is null then 'is gone' when not m.same then 'was altered' when t.tgenabled = 'D' then 'is disabled'
                     else 'does not fire as it should' end),
         case when m.same then format('alter table %s enable%s trigger %I', o.relation, case when o.always then ' always' else '' end, o.name)
              -- No dollar quotes: a name may hold them.
              else format('do %L', format('begin %s; alter trigger %2$I on %3$s depends on extension payments; '
                          'alter table %3$s enable%4$s trigger %2$I; end',
                          regexp_replace(o.definition, '^create trigger', 'create or replace trigger', 'i'), o.name, o.relation,
                          case when o.always then ' always' else '' end)) end,
         'superuser'
    from payments.own_triggers() o
    join pg_class c on c.oid = to_regclass(o.relation)
    left join pg_trigger t on t.tgrelid = c.oid and t.tgname = o.name
   cross join lateral (select coalesce(lower(pg_get_triggerdef(t.oid)) = lower(o.definition), false) as same) m
   where not m.same or t.tgenabled <> case when o.always then 'A'::"char" else 'O'::"char" end
   order by o.relation, o.name
$$;

create function payments.doctor_event_triggers() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false,
         format('The event trigger %I is disabled: %s.', e.evtname,
                case e.evtname when 'payments_grants' then 'TRUNCATE, TRIGGER and REFERENCES stay with whoever is granted them'
                               else 'code of an app can take our roles out of every policy' end),
         format('alter event trigger %I enable', e.evtname), 'superuser'
    from pg_event_trigger e
   where e.evtname in ('payments_grants', 'payments_own_ddl') and e.evtenabled not in ('O', 'A')
   order by e.evtname
$$;

create function payments.doctor_own_roles() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with ours as (
    select r.* from pg_roles r where r.rolname in ('payments_owner', 'payments_definer', 'payments_registrar')
  )
  select false, format('Role %I can log in, inherits, or has an attribute such as SUPERUSER.', o.rolname),
         format('alter role %I nologin nosuperuser noinherit nocreatedb nocreaterole noreplication nobypassrls', o.rolname), 'superuser'
    from ours o
   where o.rolcanlogin or o.rolsuper or o.rolinherit or o.rolcreaterole or o.rolcreatedb or o.rolreplication or o.rolbypassrls
  union all
  select false, format('%I is a member of %I.', pg_get_userbyid(m.member), pg_get_userbyid(m.roleid)),
         format('revoke %I from %I', pg_get_userbyid(m.roleid), pg_get_userbyid(m.member)), 'superuser'
    from pg_auth_members m
   where exists (select from ours o where o.oid in (m.roleid, m.member))
$$;

-- A superuser's publication takes every table along, and no row security or privilege keeps it from that.
create function payments.doctor_publications() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false,
         format('The publication %I is for all tables, and so sends the webhook secrets to its subscribers.', p.pubname),
         -- No dollar quotes: a schema's name may hold them.
         format('do %L', format('begin drop publication %1$I; create publication %1$I for tables in schema %2$s '
                'with (publish = %3$L, publish_via_partition_root = %4$L); end',
                p.pubname,
                (select string_agg(quote_ident(n.nspname), ', ' order by n.nspname) from pg_namespace n
                  where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'payments_secret')),
                array_to_string(array(select w from unnest(array['insert', 'update', 'delete', 'truncate'],
                                                           array[p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate]) as a (w, said) where a.said), ', '),
                p.pubviaroot::text)), 'superuser'
    from pg_publication p
   where p.puballtables
  union all
  select false, format('The publication %I sends the webhook secrets to its subscribers.', p.pubname),
         format('alter publication %I drop table payments_secret.webhook_secrets', p.pubname), 'superuser'
    from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
   where r.prrelid in (select c.oid from pg_class c where c.relnamespace = 'payments_secret'::regnamespace)
  union all
  select false, format('The publication %I sends the webhook secrets to its subscribers.', p.pubname),
         format('alter publication %I drop tables in schema payments_secret', p.pubname), 'superuser'
    from pg_publication_namespace s join pg_publication p on p.oid = s.pnpubid
   where s.pnnspid = 'payments_secret'::regnamespace
$$;

-- Settings that are looked at: when a value is bad (a regular expression), what then happens, and the value to set.
create function payments.watched_settings() returns table (name text, bad text, harm text, good text)
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  values
    ('log_statement', '^all$', 'the server log gets the statement that sets a webhook secret', 'ddl'),
    ('log_min_duration_statement', '^0$', 'the server log gets the statement that sets a webhook secret', '-1'),
    ('log_min_duration_sample', '^0$', 'the server log may get the statement that sets a webhook secret', '-1'),
    ('log_transaction_sample_rate', '[1-9]', 'the server log may get the statement that sets a webhook secret', '0'),
    ('log_parameter_max_length_on_error', '^(-1|[1-9].*)$', 'the server log gets the values of a call that failed, a secret too', '0'),
    ('auto_explain.log_min_duration', '^0$', 'the server log gets the statement that sets a webhook secret', '-1'),
    ('pgaudit.log', '\m(all|function|misc|read)\M', 'the audit log gets the statement that sets a webhook secret', 'ddl, role'),
    ('pg_stat_statements.track_utility', '^on$', 'a secret that is set inside DO or PREPARE stands in pg_stat_statements', 'off'),
    ('synchronous_commit', '^off$', 'sessions, spent credits and jobs of the last moments can be lost (answered events cannot)', 'on'),
    ('fsync', '^off$', 'a crash can lose or damage every row', 'on'),
    ('full_page_writes', '^off$', 'a crash can damage every row', 'on'),
    ('wal_level', '^minimal$', 'there can be no standby and no backup to a point in time', 'replica'),
    ('autovacuum', '^off$', 'tables grow and grow', 'on'),
    ('default_transaction_isolation', '^(repeatable read|serializable)$', 'events, keys and balances are refused with 25001', 'read committed'),
    ('default_transaction_read_only', '^on$', 'nothing can be written', 'off'),
    ('session_replication_role', '^(replica|local)$', 'triggers do not fire: nothing is guarded or given', 'origin'),
    ('row_security', '^off$', 'the extension takes every session for the restore of a dump', 'on'),
    ('event_triggers', '^off$', 'TRUNCATE, TRIGGER and REFERENCES stay with whoever is granted them', 'on'),
    ('payments.signature_tolerance', '^([7-9]\d\d|6\d[1-9]|6[1-9]0|\d{4,})$', 'a recorded webhook can be posted again for longer than ten minutes', '300'),
    ('payments.max_free_quantity', '^\d{3,}$', 'callers may ask for hundreds of units of what costs nothing and gives credits', '1')
$$;

-- A fix counts from the next session on, where it is no SET.
create function payments.doctor_settings() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false,
         format('%s is %s (from %s): %s. %s', s.name, s.setting, s.source, w.harm,
                case when s.context = 'postmaster' then 'The fix needs a restart.' when s.context = 'sighup' then 'The fix needs pg_reload_conf().'
                     when o.of_session then 'The fix is for this session.'
                     else 'The fix counts from the next session on.' end),
         case when s.context in ('postmaster', 'sighup') then format('alter system set %s = %L', s.name, w.good)
              when o.of_session then format('set %s = %L', s.name, w.good)
              when s.source in ('user', 'database user')
                then format('alter role %I in database %I set %s = %L', session_user, current_database(), s.name, w.good)
              else format('alter database %I set %s = %L', current_database(), s.name, w.good) end,
         case when not o.of_session then 'superuser' end
    from payments.watched_settings() w
    join pg_settings s on s.name = w.name and s.setting ~ w.bad
   cross join lateral (
     select s.source in ('session', 'client', 'interactive') and s.context not in ('postmaster', 'sighup') as of_session) o
   where not (w.name = 'default_transaction_read_only' and pg_is_in_recovery())
$$;

set local search_path = payments, pg_temp;
