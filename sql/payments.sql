-- The schema that CREATE EXTENSION payments makes, as pgrx generates it, by the place of each part in the sources.
-- Generated: install the extension (make install), then scripts/schema.py write.

-- src/entrance.rs
-- payments::entrance::outer_role
CREATE  FUNCTION "outer_role"() RETURNS TEXT /* Option < String > */
STRICT
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'outer_role_wrapper';

-- src/fulfillment/new_order.rs
-- payments::fulfillment::new_order::insert_order
CREATE  FUNCTION "insert_order"(
	"environment" TEXT, /* Option < & str > */
	"line_items" jsonb, /* Option < Jsonb > */
	"user_id" TEXT, /* Option < & str > */
	"subject_type" TEXT, /* Option < & str > */
	"subject_id" TEXT, /* Option < & str > */
	"orders" oid /* Option < pg_sys :: Oid > */
) RETURNS TEXT /* Option < String > */
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'insert_order_wrapper';

-- src/fulfillment/new_order.rs
-- payments::fulfillment::new_order::order_currency
CREATE  FUNCTION "order_currency"(
	"order_id" TEXT, /* Option < & str > */
	"owners" TEXT[] /* :: std :: option :: Option < Vec < String > > */
) RETURNS TEXT /* Option < String > */
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'order_currency_wrapper';

-- src/fulfillment/paywall.rs
-- payments::fulfillment::paywall::access_ends
CREATE  FUNCTION "access_ends"(
	"current_period_end" timestamp with time zone, /* Option < TimestampWithTimeZone > */
	"cancel_at_period_end" bool, /* Option < bool > */
	"cancel_at" timestamp with time zone /* Option < TimestampWithTimeZone > */
) RETURNS timestamp with time zone /* Option < TimestampWithTimeZone > */
STABLE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'access_ends_wrapper';

-- src/fulfillment/paywall.rs
-- payments::fulfillment::paywall::balance_of
CREATE  FUNCTION "balance_of"(
	"subject_type" TEXT, /* & str */
	"subject_id" TEXT /* & str */
) RETURNS bigint /* Option < i64 > */
STRICT STABLE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'balance_of_wrapper';

-- src/fulfillment/paywall.rs
-- payments::fulfillment::paywall::change_balance
CREATE  FUNCTION "change_balance"(
	"subject_type" TEXT, /* & str */
	"subject_id" TEXT, /* & str */
	"delta" bigint, /* i64 */
	"reason" TEXT, /* & str */
	"source" TEXT, /* & str */
	"note" TEXT /* Option < & str > */
) RETURNS jsonb /* pgrx :: JsonB */
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'change_balance_wrapper';

-- src/fulfillment/paywall.rs
-- payments::fulfillment::paywall::grants_access
CREATE  FUNCTION "grants_access"(
	"status" TEXT, /* & str */
	"collection_paused" bool, /* bool */
	"past_due_policy" bool, /* bool */
	"paused_policy" bool /* bool */
) RETURNS bool /* bool */
IMMUTABLE STRICT PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'grants_access_wrapper';

-- src/fulfillment/paywall.rs
-- payments::fulfillment::paywall::keys_of
CREATE  FUNCTION "keys_of"(
	"user_id" TEXT, /* Option < & str > */
	"key" TEXT, /* Option < & str > */
	"subject_types" TEXT[], /* :: std :: option :: Option < Vec < Option < String > > > */
	"subject_ids" TEXT[] /* :: std :: option :: Option < Vec < Option < String > > > */
) RETURNS TEXT[] /* Vec < String > */
STABLE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'keys_of_wrapper';

-- src/fulfillment/retry.rs
-- payments::fulfillment::retry::retry_fulfillments
CREATE  FUNCTION "retry_fulfillments"(
	"environment" TEXT DEFAULT null, /* Option < & str > */
	"reference" TEXT DEFAULT null /* Option < & str > */
) RETURNS bigint /* i64 */
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'retry_fulfillments_wrapper';

-- src/fulfillment/retry.rs
-- payments::fulfillment::retry::settle_subscriptions
CREATE  FUNCTION "settle_subscriptions"(
	"environment" TEXT /* & str */
) RETURNS void
STRICT
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'settle_subscriptions_wrapper';

-- src/fulfillment/triggers.rs
-- payments::fulfillment::triggers::drop_projection_triggers
CREATE  FUNCTION "drop_projection_triggers"(
	"kind" TEXT /* & str */
) RETURNS void
STRICT
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'drop_projection_triggers_wrapper';

-- src/fulfillment/triggers.rs
-- payments::fulfillment::triggers::invalidate_caches
create function payments.invalidate_caches() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'invalidate_caches_wrapper';

-- src/fulfillment/triggers.rs
-- payments::fulfillment::triggers::make_projection_triggers
CREATE  FUNCTION "make_projection_triggers"(
	"kind" TEXT /* & str */
) RETURNS void
STRICT
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'make_projection_triggers_wrapper';

-- src/fulfillment/triggers.rs
-- payments::fulfillment::triggers::project_billing_status
create function payments.project_billing_status() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'project_billing_status_wrapper';

-- src/fulfillment/triggers.rs
-- payments::fulfillment::triggers::project_credits
create function payments.project_credits() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'project_credits_wrapper';

-- src/fulfillment/triggers.rs
-- payments::fulfillment::triggers::project_entitlements
create function payments.project_entitlements() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'project_entitlements_wrapper';

-- src/fulfillment/triggers.rs
-- payments::fulfillment::triggers::project_fulfillment_job
create function payments.project_fulfillment_job() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'project_fulfillment_job_wrapper';

-- src/fulfillment/triggers.rs
-- payments::fulfillment::triggers::project_late_price
create function payments.project_late_price() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'project_late_price_wrapper';

-- src/fulfillment/triggers.rs
-- payments::fulfillment::triggers::project_late_session
create function payments.project_late_session() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'project_late_session_wrapper';

-- src/fulfillment/triggers.rs
-- payments::fulfillment::triggers::project_order
create function payments.project_order() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'project_order_wrapper';

-- src/fulfillment/triggers.rs
-- payments::fulfillment::triggers::project_payments
create function payments.project_payments() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'project_payments_wrapper';

-- src/fulfillment/triggers.rs
-- payments::fulfillment::triggers::project_subscriptions
create function payments.project_subscriptions() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'project_subscriptions_wrapper';

-- src/fulfillment/workers.rs
-- payments::fulfillment::workers::fail_job
CREATE  FUNCTION "fail_job"(
	"id" TEXT, /* & str */
	"error" TEXT /* & str */
) RETURNS bool /* bool */
STRICT
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'fail_job_wrapper';

-- src/fulfillment/workers.rs
-- payments::fulfillment::workers::finish_job
CREATE  FUNCTION "finish_job"(
	"id" TEXT /* & str */
) RETURNS bool /* bool */
STRICT
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'finish_job_wrapper';

-- src/fulfillment/workers.rs
-- payments::fulfillment::workers::take_jobs
CREATE  FUNCTION "take_jobs"(
	"n" INT /* i32 */
) RETURNS jsonb /* pgrx :: JsonB */
STRICT
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'take_jobs_wrapper';

-- src/identity.rs
-- payments::identity::current_user_id
CREATE  FUNCTION "current_user_id"() RETURNS TEXT /* Option < String > */
STRICT STABLE PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'current_user_id_wrapper';

-- src/lib.rs
-- bootstrap
-- Each file of this script looks things up in the system's schema only, and leaves the path as CREATE EXTENSION made it to the
-- functions of Rust between them, which are made where it says. LOCAL, so that CREATE EXTENSION puts the caller's back.
set local search_path = pg_catalog, pg_temp;

-- Owner, runner and code are three. payments_owner owns both schemas and their tables, and only fixed DDL of ours runs as it.
-- payments_definer writes the tables, and so an app's trigger there runs as it: it owns nothing. payments_registrar writes the three
-- tables that say whose rights are used (granted_roles, subject_types, attachments), on which no app has a trigger. The functions stay with the
-- superuser who installs them, and are executed with their caller's rights; those that need more take payments_definer's place
-- in C (src/definer.rs). Nobody logs in as one of these roles and nobody is a member of one.

do $install$
declare
  foreign_objects text;
  grantee text;
  home text;
  others text;
  ours text;
begin
  if current_setting('server_encoding') <> 'UTF8' then
    raise exception 'payments needs a database whose encoding is UTF8'
      using errcode = 'feature_not_supported',
            detail = format('This database is encoded in %s; Stripe''s events are UTF-8.', current_setting('server_encoding')),
            hint = 'Create the database with ENCODING ''UTF8''.';
  end if;

  foreach ours in array array['payments_owner', 'payments_definer', 'payments_registrar'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = ours) then
      execute format('create role %I nologin nosuperuser noinherit nocreatedb nocreaterole noreplication nobypassrls', ours);
    end if;
    if exists (select from pg_catalog.pg_roles where rolname = ours
                 and (rolcanlogin or rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls))
       or exists (select from pg_catalog.pg_auth_members m
                   where pg_catalog.pg_get_userbyid(m.roleid) = ours or pg_catalog.pg_get_userbyid(m.member) = ours)
    then
      raise exception 'role % exists and may do more than the extension needs', ours
        using errcode = 'object_not_in_prerequisite_state',
              detail = 'It must not log in, have attributes such as SUPERUSER, have members, or be a member of another role.',
              hint = format('Revoke its memberships and attributes (ALTER ROLE %I NOLOGIN NOSUPERUSER …), then install again.', ours);
    end if;
  end loop;

  -- The two tables that point to an app's tables are in a schema of their own (subjects.sql). A dump that is being restored brings it.
  if current_setting('row_security') <> 'off' and pg_catalog.to_regnamespace('payments_registry') is null then
    create schema payments_registry;
  end if;

  for home in select n.nspname from pg_catalog.pg_namespace n where n.nspname in ('payments', 'payments_registry') order by n.nspname loop
    if not exists (select from pg_catalog.pg_namespace n join pg_catalog.pg_roles r on r.oid = n.nspowner
                    where n.nspname = home and (r.rolsuper or r.rolname = 'payments_owner'))
    then
      raise exception 'schema % exists and belongs to a role that cannot be trusted', home
        using errcode = 'insufficient_privilege',
              detail = format('It is owned by %s, who could drop or replace what is in it.',
                              (select pg_catalog.pg_get_userbyid(nspowner) from pg_catalog.pg_namespace where nspname = home)),
              hint = format('Look at what is in it; drop it or ALTER SCHEMA %I OWNER TO payments_owner, then install again.', home);
    end if;

    -- Whoever may create something in a schema that is there before us could leave a function in the place of one of ours, and
    -- policies would call it. Whatever hangs on the schema counts: relations, functions, types, operators and the rest.
    select string_agg(format('%s is owned by %s', pg_catalog.pg_describe_object(d.classid, d.objid, 0), r.rolname), ', '
                      order by d.classid, d.objid) into foreign_objects
      from pg_catalog.pg_depend d
      join pg_catalog.pg_shdepend o on o.classid = d.classid and o.objid = d.objid and o.deptype = 'o'
       and o.dbid = (select oid from pg_catalog.pg_database where datname = current_database())
      join pg_catalog.pg_roles r on r.oid = o.refobjid
     where d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.refobjid = home::regnamespace
       and not (r.rolsuper or r.rolname = 'payments_owner');
    if foreign_objects is not null then
      raise exception 'schema % holds objects that belong to a role that cannot be trusted', home
        using errcode = 'insufficient_privilege', detail = foreign_objects,
              hint = 'Give them to payments_owner if you trust them, or drop them, then install again.';
    end if;

    execute format('alter schema %I owner to payments_owner', home);
    -- And nobody else creates anything in it from now on, whatever was granted or is granted by default.
    for grantee in
      select distinct case e.grantee when 0 then 'public' else e.grantee::regrole::text end
        from pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) e
       where n.nspname = home and e.privilege_type = 'CREATE' and e.grantee <> n.nspowner
    loop
      execute format('revoke create on schema %I from %s cascade', home, grantee);
    end loop;
  end loop;

  -- An installation whose own tables are gone may have left these. They say whose rights are used, and must not count again unasked.
  if current_setting('row_security') <> 'off' and to_regclass('payments.facts') is null then
    select string_agg(c.oid::regclass::text, ', ' order by c.relname) into others
      from pg_catalog.pg_class c where c.relnamespace = 'payments_registry'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f');
    if others is not null then
      raise exception 'schema payments_registry is left from an installation whose tables are gone'
        using errcode = 'object_not_in_prerequisite_state', detail = format('It holds: %s.', others),
              hint = 'DROP SCHEMA payments_registry CASCADE, then install again.';
    end if;
  end if;
end
$install$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- finalize
set local search_path = pg_catalog, pg_temp;

-- Last of all: the tables are payments_owner's, the functions stay with who installs them, row security is forced, the app's roles
-- get theirs, and the tables stop being members of the extension.

do $install$
declare
  object record;
  known record;
  known_roles constant name[] := array['anon', 'authenticated', 'project_admin', 'service_role', 'authenticator'];
begin
  -- Default privileges of the database may have granted anything on what the script made (all of it members now; a table that
  -- was found is none, and keeps what was granted on it). Nobody but the owner has any before the app's roles get theirs.
  for object in
    select distinct format('revoke all on %s %s from %s cascade', m.kind, m.name,
                           case e.grantee when 0 then 'public' else e.grantee::regrole::text end) as revoke
      from (
        select d.classid, d.objid from pg_catalog.pg_depend d join pg_catalog.pg_extension x on x.oid = d.refobjid
         where x.extname = 'payments' and d.refclassid = 'pg_extension'::regclass and d.deptype = 'e') made
     cross join lateral (
        select case c.relkind when 'S' then 'sequence' else 'table' end, c.oid::regclass::text, c.relowner,
               coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner))
          from pg_catalog.pg_class c
         where made.classid = 'pg_class'::regclass and c.oid = made.objid and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
        union all
        select 'routine', p.oid::regprocedure::text, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
          from pg_catalog.pg_proc p where made.classid = 'pg_proc'::regclass and p.oid = made.objid
        union all
        select 'type', format_type(t.oid, null), t.typowner, coalesce(t.typacl, acldefault('T', t.typowner))
          from pg_catalog.pg_type t
         where made.classid = 'pg_type'::regclass and t.oid = made.objid
           -- An array type has the privileges of its elements; since 18 it is a member too.
           and not exists (select from pg_catalog.pg_type e where e.typarray = t.oid)
        union all
        select 'schema', quote_ident(n.nspname), n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner))
          from pg_catalog.pg_namespace n where made.classid = 'pg_namespace'::regclass and n.oid = made.objid
      ) m (kind, name, owner, acl)
     cross join lateral aclexplode(m.acl) e
     where e.grantee <> m.owner
  loop
    execute object.revoke;
  end loop;

  for object in
    select c.oid::regclass as name, c.relkind
      from pg_catalog.pg_class c
     where c.relnamespace in (select payments.table_schemas()) and c.relkind in ('r', 'v')
     order by c.relkind = 'r' desc
  loop
    execute format('alter %s %s owner to payments_owner', case object.relkind when 'v' then 'view' else 'table' end, object.name);
  end loop;

  -- payments_owner makes triggers of our functions; payments_definer may call whatever is no body of another function: that is called
  -- by C alone.
  for object in
    select p.oid::regprocedure as name, p.proname ~ '_body$' as is_body
      from pg_catalog.pg_proc p
     where p.pronamespace = 'payments'::regnamespace
       and (p.proname in ('caller', 'caller_subjects', 'caller_owns', 'caller_is_admin', 'caller_usable_subjects',
                         'caller_access_until')
            or exists (select from pg_catalog.pg_depend d
                         join pg_catalog.pg_extension e on e.oid = d.refobjid and e.extname = 'payments'
                        where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'))
  loop
    if not object.is_body then
      execute format('grant execute on function %s to payments_owner, payments_definer, payments_registrar', object.name);
    end if;
  end loop;
  for object in select n.nspname as name from pg_catalog.pg_namespace n where n.oid in (select payments.table_schemas()) loop
    execute format('grant usage on schema %I to payments_definer, payments_registrar', object.name);
  end loop;

  if current_setting('row_security') <> 'off' then
    for object in
      select c.oid::regclass as name, c.oid as relid, c.relname
        from pg_catalog.pg_class c
       where c.relnamespace in (select payments.table_schemas()) and c.relkind = 'r'
    loop
      execute format('alter table %s enable row level security', object.name);
      execute format('alter table %s force row level security', object.name);
      if not exists (select from pg_catalog.pg_policy where polrelid = object.relid and polname = 'payments') then
        if object.relname in ('granted_roles', 'subject_types', 'attachments') then
          execute format('grant select on %s to payments_definer', object.name);
          execute format('grant select, insert, update, delete on %s to payments_registrar', object.name);
          execute format('create policy payments on %s for select to payments_owner, payments_definer using (true)', object.name);
          execute format('create policy payments_registrar on %s to payments_registrar using (true) with check (true)', object.name);
        else
          execute format('grant select, insert, update, delete on %s to payments_definer', object.name);
          execute format('create policy payments on %s to payments_owner, payments_definer using (true) with check (true)', object.name);
        end if;
      end if;
      if not exists (select from pg_catalog.pg_trigger where tgrelid = object.relid and tgname = 'payments_truncate') then
        execute format('create trigger payments_truncate before truncate on %s for each statement '
                       'execute function payments.refuse_truncate()', object.name);
        execute format('alter trigger payments_truncate on %s depends on extension payments', object.name);
      end if;
      if exists (select from pg_catalog.pg_attribute where attrelid = object.relid and attname = 'updated_at' and not attisdropped)
         and not exists (select from pg_catalog.pg_trigger where tgrelid = object.relid and tgname = 'payments_touch_updated_at')
      then
        -- Our own statements say the time themselves, which is a tenth of what the trigger costs.
        execute format('create trigger payments_touch_updated_at before update on %s for each row '
                       'when (new.updated_at is distinct from now()) execute function payments.touch_updated_at()', object.name);
        execute format('alter trigger payments_touch_updated_at on %s depends on extension payments', object.name);
      end if;
    end loop;
    -- explain() and doctor() read the first two, and triggers of an app may read all.
    grant select on payments.review, payments.unfulfilled_payments, payments.attachments, payments.subject_types to payments_definer;
  end if;

  for known in
    select r.oid::regrole as role, w.as_
      from unnest(known_roles, array['guest', 'member', 'admin', 'admin', 'gateway']) as w(name, as_)
      join pg_catalog.pg_roles r on r.rolname = w.name
  loop
    -- What was taken back from one of them before stays so.
    if to_regclass('payments.granted_roles') is not null then
      continue when exists (select from payments.granted_roles g
                             where g.role = known.role::text and g.as_ = known.as_ and g.revoked_at is not null);
    end if;
    perform payments.grant_role(known.role, known.as_);
  end loop;
  -- Those that an app named before DROP EXTENSION, as far as it was not taken back since, by revoke_role() or by REVOKE on the schema
  -- and its tables.
  if current_setting('row_security') <> 'off' then
    for known in
      select r.oid::regrole as role, g.as_
        from payments.granted_roles g
        join pg_catalog.pg_roles r on r.rolname = g.role
       where g.revoked_at is null
         and exists (select from pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
                      where n.oid = 'payments'::regnamespace and a.grantee = r.oid and a.privilege_type = 'USAGE')
         and (g.as_ in ('webhook', 'gateway')
              or exists (select from pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a
                          where a.grantee = r.oid
                            and (c.oid, a.privilege_type) = (case g.as_ when 'admin' then 'payments.payment_history'::regclass
                                                                        else 'payments.checkout_sessions'::regclass end,
                                                             case g.as_ when 'admin' then 'UPDATE' else 'SELECT' end)))
    loop
      perform payments.grant_role(known.role, known.as_);
    end loop;
  end if;

  -- What an extension's script grants is taken by pg_dump for something that the script will grant again. On tables it will
  -- not, as a restore brings them. Leaving the extension wipes that record, so each joins, if it must, and leaves.
  for object in
    select format('%s %s', case c.relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end, c.oid::regclass) as name,
           exists (select from pg_catalog.pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e') as member
      from pg_catalog.pg_class c
     where c.relnamespace in (select payments.table_schemas()) and c.relkind in ('r', 'v', 'S')
    union all
    select format('schema %I', n.nspname),
           exists (select from pg_catalog.pg_depend d where d.classid = 'pg_namespace'::regclass and d.objid = n.oid and d.deptype = 'e')
      from pg_catalog.pg_namespace n where n.nspname = 'payments_registry'
    union all
    select format('function %s', p.oid::regprocedure),
           exists (select from pg_catalog.pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
      from pg_catalog.pg_proc p
     where p.pronamespace = 'payments'::regnamespace
       and p.proname in ('caller', 'caller_subjects', 'caller_owns', 'caller_is_admin', 'caller_usable_subjects',
                         'caller_access_until')
  loop
    if not object.member then
      execute format('alter extension payments add %s', object.name);
    end if;
    execute format('alter extension payments drop %s', object.name);
  end loop;

  -- The functions stay members, and of the schema that record is kept too. It holds what the script grants in any database, so
  -- that the rest, which only this one knows, is in a dump.
  update pg_catalog.pg_init_privs i
     set initprivs = array(
           select item from unnest(o.acl) item
            where exists (select from pg_catalog.aclexplode(array[item]) e join pg_catalog.pg_roles r on r.oid = e.grantee
                           where r.rolname = any (known_roles || array['payments_owner', 'payments_definer', 'payments_registrar']::name[])))
    from (select 'pg_namespace'::regclass as classoid, n.oid as objoid, n.nspacl as acl
            from pg_catalog.pg_namespace n where n.nspname = 'payments'
          union all
          select 'pg_proc'::regclass, p.oid, p.proacl from pg_catalog.pg_proc p where p.pronamespace = 'payments'::regnamespace) o
   where i.classoid = o.classoid and i.objoid = o.objoid and o.acl is not null;
  delete from pg_catalog.pg_shdepend d
   where d.deptype = 'i' and d.dbid = (select oid from pg_catalog.pg_database where datname = current_database())
     and (d.classid = 'pg_namespace'::regclass and d.objid = 'payments'::regnamespace
          or d.classid = 'pg_proc'::regclass and d.objid in (
               select p.oid from pg_catalog.pg_proc p where p.pronamespace = 'payments'::regnamespace))
     and pg_catalog.pg_get_userbyid(d.refobjid) <> all (known_roles || array['payments_owner', 'payments_definer', 'payments_registrar']::name[]);
end
$install$;

-- take_back_grants() is in src/entrance.rs. While a dump is being restored it does nothing: the records come with the dump.
do $install$
begin
  execute 'create event trigger payments_grants on ddl_command_end when tag in (''GRANT'') execute function payments.take_back_grants()';
  execute 'create event trigger payments_own_ddl on ddl_command_start when tag in (''DROP OWNED'', ''ALTER DEFAULT PRIVILEGES'') '
    'execute function payments.refuse_own_ddl()';
end
$install$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   app_tables
--   fulfillment::triggers::project_payments
--   fulfillment::triggers::project_order
--   fulfillment::triggers::project_credits
--   fulfillment::triggers::project_entitlements
--   fulfillment::triggers::project_billing_status
--   fulfillment::triggers::project_fulfillment_job
--   fulfillment::triggers::project_subscriptions
--   fulfillment::triggers::project_late_session
--   fulfillment::triggers::project_late_price
--   fulfillment::triggers::invalidate_caches

set local search_path = pg_catalog, pg_temp;

-- After DROP EXTENSION and CREATE EXTENSION: the app's tables are still attached, and get their triggers again. A dump that
-- is being restored brings its own.

do $install$
declare
  wanted record;
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;
  -- A backend keeps what it knows of these tables until a change invalidates it. A price or its product that becomes known is no
  -- change, for what is unknown is not kept.
  for wanted in
    select w.relation, w.name, format('%s on %s %s', w.events, w.relation, w.rows) as definition
      from (values
        ('payments_registry.attachments', 'invalidate_caches', 'after insert or update or delete', 'for each row'),
        ('payments_registry.attachments', 'invalidate_caches_of_all', 'after truncate', 'for each statement'),
        ('payments.benefits', 'invalidate_caches', 'after insert or update or delete', 'for each row'),
        ('payments.benefits', 'invalidate_caches_of_all', 'after truncate', 'for each statement'),
        ('payments.granted_roles', 'invalidate_caches', 'after insert or update or delete', 'for each row'),
        ('payments.granted_roles', 'invalidate_caches_of_all', 'after truncate', 'for each statement'),
        ('payments.prices', 'invalidate_caches', 'after delete', 'for each row'),
        ('payments.prices', 'invalidate_caches_of_all', 'after truncate', 'for each statement'),
        ('payments.prices', 'invalidate_caches_before', 'before insert or update', 'for each statement'),
        ('payments.prices', 'invalidate_caches_of_change', 'after update', 'for each row when ('
          || 'old.environment <> new.environment or old.stripe_price_id <> new.stripe_price_id'
          || ' or (old.stripe_product_id is not null and old.stripe_product_id is distinct from new.stripe_product_id)'
          || ' or old.active <> new.active or old.type is distinct from new.type'
          || ' or old.recurring_interval is distinct from new.recurring_interval'
          || ' or old.currency is distinct from new.currency or old.unit_amount is distinct from new.unit_amount'
          || ' or old.billing_scheme is distinct from new.billing_scheme)')
      ) as w(relation, name, events, rows)
     where not exists (select from pg_trigger t
                        where t.tgrelid = w.relation::regclass and t.tgname = w.name)
  loop
    execute format('create trigger %I %s execute function payments.invalidate_caches()', wanted.name, wanted.definition);
    execute format('alter trigger %I on %s depends on extension payments', wanted.name, wanted.relation);
    -- also where rows come by replication, which calls no trigger for a statement
    execute format('alter table %s enable always trigger %I', wanted.relation, wanted.name);
  end loop;
  perform payments.make_projection_triggers(a.kind) from (select distinct kind from payments_registry.attachments) a;
end
$install$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   attach

set local search_path = pg_catalog, pg_temp;

-- The app's own tables in their default shape: ordinary tables of whoever calls, with row security for the end users.

-- The table of one kind, in its default shape.
create function payments.default_table(kind text, table_name text) returns text
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select replace(case default_table.kind
    when 'orders' then $ddl$
      create table {table} (
        id uuid primary key default gen_random_uuid(),
        user_id text,
        subject_type text,
        subject_id text,
        environment text check (environment = any ('{test,live}')),
        status text not null default 'pending'
          check (status = any ('{pending,paid,fulfilled,canceled,refunded}')),
        amount bigint,
        currency text,
        line_items jsonb,
        amount_refunded bigint not null default 0,
        stripe_checkout_session_id text,
        stripe_payment_intent_id text,
        paid_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      );
      create index on {table} (user_id);
      create index on {table} (subject_type, subject_id);
    $ddl$
    when 'credit_ledger' then $ddl$
      create table {table} (
        id bigint generated always as identity primary key,
        subject_type text not null,
        subject_id text not null,
        delta bigint not null,
        balance_after bigint not null,
        reason text not null check (reason = any ('{purchase,refund,dispute,spend,adjustment,expiry}')),
        source text collate "C" not null unique,
        note text,
        expires_at timestamptz,
        created_at timestamptz not null default now()
      );
      create index on {table} (subject_type, subject_id, id);
      create index on {table} (subject_type, subject_id, created_at);
    $ddl$
    when 'user_entitlements' then $ddl$
      create table {table} (
        id uuid primary key default gen_random_uuid(),
        user_id text,
        subject_type text,
        subject_id text,
        key text not null,
        source text collate "C" not null,
        active boolean not null default true,
        starts_at timestamptz,
        expires_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        unique (source, key)
      );
      create index on {table} (user_id, key);
      create index on {table} (subject_type, subject_id, key);
    $ddl$
    when 'billing_status' then $ddl$
      create table {table} (
        team_id text primary key,
        stripe_subscription_id text not null,
        environment text,
        status text not null,
        current_period_end timestamptz,
        cancel_at timestamptz,
        cancel_at_period_end boolean not null default false,
        access_until timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      );
    $ddl$
    when 'fulfillment_jobs' then $ddl$
      create table {table} (
        id uuid primary key default gen_random_uuid(),
        kind text not null,
        source text collate "C" not null,
        payload jsonb not null default '{}',
        state text not null default 'pending' check (state = any ('{pending,claimed,done,dead}')),
        attempts integer not null default 0,
        run_at timestamptz not null default now(),
        last_error text,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        unique (source, kind)
      );
      create index on {table} (run_at) where state in ('pending', 'claimed');
    $ddl$
  end, '{table}', table_name)
$$;

-- Who may read which rows of it: end users their own orders, and of the rest what is theirs to use; admins all and, where the app itself writes, also that. What the
-- database's default privileges gave to others is taken back first.
create function payments.secure_default_table(kind text, target regclass) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  admin constant text := '(select payments.caller_is_admin())';
  own constant text := case kind
    when 'orders' then $policy$user_id = (select payments.caller())
      or (subject_type, subject_id) in (select s.subject_type, s.subject_id from payments.caller_subjects() s)$policy$
    when 'credit_ledger' then
      '(subject_type, subject_id) in (select s.subject_type, s.subject_id from payments.caller_usable_subjects() s)'
    when 'user_entitlements' then $policy$user_id = (select payments.caller())
      or (subject_type, subject_id) in (select s.subject_type, s.subject_id from payments.caller_usable_subjects() s)$policy$
    when 'billing_status' then $policy$team_id in (select payments.caller_usable_subjects('team'))$policy$
  end;
  granted record;
begin
  execute format('alter table %s enable row level security', target);
  for granted in
    select distinct c.relkind, c.oid::regclass as name, a.grantee
      from pg_class c
     cross join lateral aclexplode(c.relacl) a
     where a.grantee <> c.relowner
       and (c.oid = target or c.oid in (select d.objid from pg_depend d
                                         where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
                                           and d.refobjid = target and d.deptype in ('a', 'i')))
  loop
    execute format('revoke all on %s %s from %s', case granted.relkind when 'S' then 'sequence' else 'table' end, granted.name,
                   case granted.grantee when 0 then 'public' else granted.grantee::regrole::text end);
  end loop;
  if own is not null then
    execute format('create policy own_rows on %s for select using (%s)', target, own);
  end if;
  if kind = 'credit_ledger' then
    -- Money's own record is appended to by payments alone.
    execute format('create policy admin on %s for select using (%s)', target, admin);
  else
    execute format('create policy admin on %s using (%s) with check (%s)', target, admin, admin);
  end if;
end
$$;

-- What a role of this kind may do with it. Money's own record is appended to by payments alone.
create function payments.default_table_privileges(kind text, as_ text) returns text
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select case when $2 = 'admin' and $1 <> 'credit_ledger' then 'select, insert, update, delete'
              when $2 = 'admin' or $2 = 'member' and $1 <> 'fulfillment_jobs' then 'select' end
$$;

-- Its privileges, for the roles that were made admins or members by now; grant_role() gives them to those that follow.
create function payments.grant_default_table(kind text, target regclass) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  reader record;
begin
  for reader in
    select r.rolname, payments.default_table_privileges(kind, min(g.as_)) as privileges
      from payments.granted_roles g join pg_roles r on r.rolname = g.role
     where g.revoked_at is null and g.as_ in ('admin', 'member') and r.rolname <> current_user
     group by r.rolname
  loop
    if reader.privileges is not null then
      execute format('grant %s on %s to %I', reader.privileges, target, reader.rolname);
    end if;
  end loop;
end
$$;

-- Whether a role is another, or has its rights because it is a member of it; not because it is a superuser.
create function payments.has_rights_of(role name, owner oid) returns boolean
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with recursive has (oid) as (
    select r.oid from pg_roles r where r.rolname = $1
    union
    select m.roleid from has h join pg_auth_members m on m.member = h.oid
  )
  select exists (select from has h where h.oid = $2 and (h.oid = (select r.oid from pg_roles r where r.rolname = $1)
                                                         or pg_has_role($1, h.oid, 'USAGE')))
$$;

-- Refuses a schema that another role owns, who may drop what is in it. A superuser is told, as he may know better.
create function payments.check_app_schema(schema name) returns void
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  home record;
begin
  select r.oid as owner, r.rolname, r.rolsuper into home
    from pg_namespace n join pg_roles r on r.oid = n.nspowner where n.nspname = schema;
  if home.rolsuper or payments.has_rights_of(current_user, home.owner)
     or home.rolname = 'pg_database_owner'
     or home.owner = (select d.datdba from pg_database d where d.datname = current_database()) then
    return;
  end if;
  if (select r.rolsuper from pg_roles r where r.rolname = current_user) then
    raise notice 'schema % belongs to %, who may drop the tables', schema, home.rolname;
    return;
  end if;
  raise exception 'schema % belongs to another role', schema
    using errcode = 'insufficient_privilege',
          detail = format('It is owned by %s, who may drop every table in it; %s has not that role''s rights.', home.rolname, current_user),
          hint = format('Have %s call this if he is an admin, or pass a schema of your own.', home.rolname);
end
$$;

-- Refuses to make a table where something has its name already that is no table of the caller's.
create function payments.check_app_table(schema name, table_name name) returns void
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  taken record;
begin
  select coalesce(r.oid, t.typowner) as owner, pg_get_userbyid(coalesce(c.relowner, t.typowner)) as owner_name, c.relkind
    into taken
    from pg_namespace n
    left join pg_class c on c.relnamespace = n.oid and c.relname = table_name
    left join pg_roles r on r.oid = c.relowner
    left join pg_type t on c.oid is null and t.typnamespace = n.oid and t.typname = table_name
   where n.nspname = schema and (c.oid is not null or t.oid is not null);
  if not found then
    return;
  end if;
  if not payments.has_rights_of(current_user, taken.owner) then
    raise exception '%.% belongs to another role', quote_ident(schema), quote_ident(table_name)
      using errcode = 'insufficient_privilege',
            detail = format('It is owned by %s, whose rights %s has not. Whoever owns it could change what is written there.',
                            taken.owner_name, current_user),
            hint = 'If it is not the app''s, drop or rename it. If it is, have its owner call this, or payments.attach().';
  end if;
  if taken.relkind is null or taken.relkind not in ('r', 'p', 'v') then
    raise exception '%.% is not a table', quote_ident(schema), quote_ident(table_name)
      using errcode = 'wrong_object_type',
            detail = case when taken.relkind is null then 'It is a type.' else format('It is a relation of kind %s.', taken.relkind) end,
            hint = 'Rename or drop it; a table needs this name, and so does its type.';
  end if;
end
$$;

/* Makes the app's own tables (orders, credit_ledger, user_entitlements, team_billing_status, fulfillment_jobs) where they
   are missing, owned by whoever calls, with row security, indexes, grants and the projection's triggers. The caller's own tables that
   are there already are attached as they are, after their columns were checked; another role's are not taken over. Can be run
   again: what is attached already stays so, whoever owns it, also a table that it made and that was renamed since, of which no
   second one is made.

   Called by a superuser it makes tables that belong to that superuser; of his own, and of no others, the call is taken as the
   explicit word that attach() asks for. Raises 22023 (null), 3F000 (no such schema), 42501 (the schema, or something of a table's
   name, belongs to another role, whose rights the caller has not as a member of it), 42703 (a table of that name lacks columns),
   42809 (something of that name is no table). */
create function payments.create_app_tables(schema name default 'public') returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  wanted record;
  target text;
  there regclass;
  renamed text;
begin
  if schema is null then
    raise exception 'schema must not be null'
      using errcode = '22023', detail = 'schema is null.', hint = 'Pass the name of the schema that gets the tables.';
  end if;
  if to_regnamespace(quote_ident(schema)) is null then
    raise exception 'schema % does not exist', schema
      using errcode = 'invalid_schema_name', detail = format('Schema: %s.', schema), hint = format('Run: CREATE SCHEMA %I.', schema);
  end if;
  perform payments.check_app_schema(schema);
  for wanted in
    select w.kind, w.name
      from (values (1, 'orders', 'orders'), (2, 'credit_ledger', 'credit_ledger'), (3, 'user_entitlements', 'user_entitlements'),
                   (4, 'billing_status', 'team_billing_status'), (5, 'fulfillment_jobs', 'fulfillment_jobs')) as w(place, kind, name)
     order by w.place
  loop
    target := format('%I.%I', schema, wanted.name);
    there := to_regclass(target);
    if there is null or not payments.is_attached(wanted.kind, there) then
      perform payments.check_app_table(schema, wanted.name);
    end if;
    if there is null then
      -- One that was made here is known by its policy, whatever it is called now.
      select a.target into renamed
        from payments.attachments a
        join pg_class c on exists (select from pg_namespace n where n.oid = c.relnamespace and format('%I.%I', n.nspname, c.relname) = a.target)
       where a.kind = wanted.kind and exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'admin')
         and (a.relation = format('%I.%I', schema, wanted.name) or c.relnamespace = to_regnamespace(quote_ident(schema)))
       limit 1;
      if renamed is not null then
        raise notice 'table % was renamed to % and stays attached; no other is made', target, renamed;
        continue;
      end if;
      execute payments.default_table(wanted.kind, target);
      there := target::regclass;
      perform payments.secure_default_table(wanted.kind, there);
    end if;
    if payments.has_rights_of(current_user, (select c.relowner from pg_class c where c.oid = there))
       and exists (select from pg_policy p where p.polrelid = there and p.polname = 'admin') then
      perform payments.grant_default_table(wanted.kind, there);
    end if;
    if not payments.is_attached(wanted.kind, there) then
      perform payments.attach(wanted.kind, there, case
        when (select r.rolsuper from pg_roles r join pg_class c on c.relowner = r.oid where r.rolname = current_user and c.oid = there)
        then '{"allow_superuser_owner": true}'::jsonb else '{}' end);
    end if;
  end loop;
end
$$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   doctor

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

-- src/lib.rs
-- requires:
--   doctor

set local search_path = pg_catalog, pg_temp;

-- What the doctor asks about privileges and about who is trusted; see doctor.sql.

-- What grant_role() recorded of a role's privileges: one for each function, table and column, as the catalog names it.
create function payments.recorded_privileges() returns table (role oid, as_ text, class regclass, object oid, column_name text, privilege text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with recorded as materialized (
    select r.oid as role, g.as_, i.as_ as included
      from payments.granted_roles g
      join pg_roles r on r.rolname = g.role
     cross join lateral payments.included_grants(g.as_) as i (as_)
     where g.revoked_at is null
  ), backed (as_, class, object, column_name, privilege) as materialized (
    select f.as_, 'pg_proc'::regclass, to_regprocedure(f.signature)::oid, null, 'EXECUTE' from payments.granted_functions() f
    union all
    select p.as_, 'pg_class'::regclass, to_regclass(p.relation)::oid, null, upper(w.privilege)
      from payments.granted_privileges() p cross join lateral regexp_split_to_table(p.privileges, ', ') as w (privilege)
     where p.privileges !~ '\('
    union all
    select p.as_, 'pg_class'::regclass, to_regclass(p.relation)::oid, w.column_name, upper(split_part(p.privileges, ' ', 1))
      from payments.granted_privileges() p cross join lateral regexp_split_to_table(substring(p.privileges from '\((.*)\)'), ', ') as w (column_name)
     where p.privileges ~ '\('
  )
  select distinct r.role, r.as_, b.class, b.object, b.column_name, b.privilege
    from recorded r join backed b on b.as_ = r.included
   where b.object is not null
  union
  select r.role, r.as_, 'pg_namespace'::regclass, 'payments'::regnamespace::oid, null, 'USAGE' from recorded r
$$;

-- What the catalog says that somebody was granted, but for the owners, superusers and our own roles. Role 0 is PUBLIC.
create function payments.held_privileges() returns table (role oid, class regclass, object oid, column_name text, privilege text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with held as (
    select a.grantee, 'pg_class'::regclass as class, c.oid, null::text as column_name, a.privilege_type, c.relowner as owner
      from pg_class c cross join lateral aclexplode(c.relacl) a
     where (c.relnamespace in (select payments.table_schemas()) or c.relnamespace = 'payments_secret'::regnamespace) and c.relkind in ('r', 'v', 'm', 'p', 'S')
    union all
    select a.grantee, 'pg_class'::regclass, c.oid, t.attname, a.privilege_type, c.relowner
      from pg_class c join pg_attribute t on t.attrelid = c.oid cross join lateral aclexplode(t.attacl) a
     where (c.relnamespace in (select payments.table_schemas()) or c.relnamespace = 'payments_secret'::regnamespace)
    union all
    select a.grantee, 'pg_proc'::regclass, p.oid, null, a.privilege_type, p.proowner
      from pg_proc p cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
     where p.pronamespace = 'payments'::regnamespace
    union all
    select a.grantee, 'pg_namespace'::regclass, n.oid, null, a.privilege_type, n.nspowner
      from pg_namespace n cross join lateral aclexplode(n.nspacl) a
     where n.nspname in ('payments', 'payments_registry', 'payments_secret')
  )
  select distinct h.grantee, h.class, h.oid, h.column_name, h.privilege_type
    from held h
    left join pg_roles r on r.oid = h.grantee
   where h.grantee <> h.owner and r.rolsuper is not true
     and coalesce(r.rolname, '') not in ('payments_owner', 'payments_definer', 'payments_registrar')
$$;

-- All of a role's privileges of one class are revoked, and those that were recorded granted again.
create function payments.doctor_grants() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with recorded as materialized (
    select r.*, concat_ws(' ', r.role, r.class::oid, r.object, r.privilege) as word from payments.recorded_privileges() r
  ), held as materialized (
    select h.*, concat_ws(' ', h.role, h.class::oid, h.object, h.privilege) as word from payments.held_privileges() h
  ), excess as (
    select h.*, case when h.role = 0 then 'public' else h.role::regrole::text end as grantee,
           case h.class when 'pg_proc'::regclass then 'all routines in schema payments' when 'pg_class'::regclass then 'all tables in schema '
                        else 'schema ' end
           || case h.class when 'pg_proc'::regclass then ''
                           when 'pg_class'::regclass then (select quote_ident(n.nspname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
                                                            where c.oid = h.object)
                           else h.object::regnamespace::text end as place
      from held h
     where not exists (select from recorded r where r.word = h.word and (r.column_name is null or r.column_name = h.column_name))
  ), revoked as (
    select e.role, e.grantee, e.place, count(distinct e.object) as objects, string_agg(distinct e.privilege, ', ') as privileges
      from excess e
     group by e.role, e.grantee, e.place
  ), missing as (
    select r.role, r.as_, count(*) as n from recorded r
     where not exists (select from held h where h.word = r.word and (h.column_name is null or h.column_name = r.column_name))
       and not (select o.rolsuper from pg_roles o where o.oid = r.role)
     group by r.role, r.as_
  )
  select false,
         format('%s has privileges that grant_role() did not record: %s on %s object(s), among %s.', initcap(case v.role when 0 then 'public' else 'role' end)
                || case v.role when 0 then '' else ' ' || v.grantee end, v.privileges, v.objects, v.place),
         -- REVOKE by anybody else is a warning, and revokes nothing. No dollar quotes: a role's name may hold them.
         format('do %L', format('begin if current_setting(''is_superuser'') = ''off'' then raise insufficient_privilege using message = '
                '''only a superuser can take these privileges back''; end if; revoke all on %s from %s cascade;%s end',
                v.place, v.grantee, ' ' || k.grants || ';')), 'superuser'
    from revoked v
   cross join lateral (
     select string_agg(distinct format('perform payments.grant_role(%L, %L)', v.grantee, r.as_), '; ') as grants
       from recorded r where r.role = v.role) k
  union all
  select false, format('Role %s lacks %s privilege(s) that it should have as %s.', m.role::regrole, m.n, m.as_),
         format('select payments.grant_role(%L, %L)', m.role::regrole, m.as_), null
    from missing m
$$;

-- Whoever can run SQL as a gateway or an admin says who he is. No end user may be one, and somebody who logs in must be.
create function payments.doctor_trusted_roles() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with recorded as materialized (
    select r.oid, r.rolname, g.as_ from payments.granted_roles g join pg_roles r on r.rolname = g.role where g.revoked_at is null
  )
  select distinct false, format('Role %I is for end users (%s), and %s %s.', u.rolname, u.as_,
                       case when t.oid = u.oid then 'was recorded as' else format('inherits from %I,', t.rolname) end, t.as_),
         case when m.is_member then format('revoke %I from %I', t.rolname, u.rolname)
              else format('select payments.revoke_role(%L, %L)', t.oid::regrole, t.as_) end,
         case when m.is_member then 'superuser' end
    from recorded u
    join recorded t on t.as_ in ('admin', 'gateway') and pg_has_role(u.oid, t.oid, 'USAGE')
   cross join lateral (select exists (select from pg_auth_members m where m.roleid = t.oid and m.member = u.oid) as is_member) m
   where u.as_ in ('guest', 'member') and not (select r.rolsuper from pg_roles r where r.oid = u.oid)
  union all
  select false, 'End users have a role, and no role that logs in is a gateway or an admin: nobody''s claims count.',
         'select payments.grant_role(''the_role_that_logs_in'', ''gateway'')', null
   where exists (select from recorded r where r.as_ = 'member')
     and not exists (select from pg_roles l join recorded t on t.as_ in ('admin', 'gateway') and pg_has_role(l.oid, t.oid, 'USAGE')
                      where l.rolcanlogin and not l.rolsuper)
$$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   doctor

set local search_path = pg_catalog, pg_temp;

-- What the doctor asks about row security and policies; see doctor.sql.

create function payments.doctor_row_security() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false, format('%s does not %s row security.', c.oid::regclass, case when c.relrowsecurity then 'force' else 'enable' end),
         format('alter table %s enable row level security, force row level security', c.oid::regclass), 'superuser'
    from pg_class c
   where (c.oid in (select payments.own_relations()) or c.relnamespace = 'payments_secret'::regnamespace) and c.relkind = 'r'
     and not (c.relrowsecurity and c.relforcerowsecurity)
   order by c.oid::regclass::text
$$;

-- Every policy of ours in its parts; see payments.policy_ddl(). Those of admins come with grant_role().
create function payments.own_policies()
  returns table (relation regclass, name text, command text, roles text[], using_expression text, check_expression text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select c.oid::regclass, p.name, p.command, p.roles, 'true', p.check_expression
    from pg_class c
   cross join lateral (select c.relname in ('granted_roles', 'subject_types', 'attachments') as by_registrar) r
   cross join lateral (values
     ('payments', case when r.by_registrar then 'select' else 'all' end, '{payments_definer,payments_owner}'::text[],
      case when not r.by_registrar then 'true' end),
     ('payments_registrar', case when r.by_registrar then 'all' end, '{payments_registrar}', 'true')) as p (name, command, roles, check_expression)
   where c.oid in (select payments.own_relations()) and c.relkind = 'r' and p.command is not null
  union all
  select to_regclass(p.relation), p.name, p.command, p.roles, p.using_expression, p.check_expression
    from payments.session_policies() p
   where to_regclass(p.relation) is not null
  union all
  select to_regclass(p.relation), p.name, p.command, p.roles, p.using_expression, p.check_expression
    from payments_registry.subject_types s
   cross join lateral payments.subject_policies(s.subject_type, s.predicate is not null) p
   where to_regclass(p.relation) is not null
$$;

-- Every policy on our tables as it is, in the same parts. White space counts for nothing.
create function payments.policies_there()
  returns table (relation regclass, name text, command text, roles text[], using_expression text, check_expression text, permissive boolean)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select p.polrelid::regclass, p.polname,
         case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
         array(select case r when 0 then 'public' else pg_get_userbyid(r)::text end from unnest(p.polroles) as r order by 1),
         btrim(regexp_replace(pg_get_expr(p.polqual, p.polrelid), '\s+', ' ', 'g')),
         btrim(regexp_replace(pg_get_expr(p.polwithcheck, p.polrelid), '\s+', ' ', 'g')), p.polpermissive
    from pg_policy p
   where p.polrelid in (select payments.own_relations())
$$;

create function payments.doctor_policies() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with found as materialized (
    select t.*, payments.policy_ddl(t.relation::text, t.name, t.command, t.roles, t.using_expression, t.check_expression)
                || case when t.permissive then '' else ', as restrictive' end as ddl
      from payments.policies_there() t
  ), wanted as (
    select w.relation, w.name, payments.policy_ddl(w.relation::text, w.name, w.command, w.roles,
                                                   regexp_replace(w.using_expression, '\s+', ' ', 'g'),
                                                   regexp_replace(w.check_expression, '\s+', ' ', 'g')) as ddl
      from payments.own_policies() w
  ), of_admin as (
    select a.role, f.relation, f.name, f.ddl,
           payments.policy_ddl(a.relation::text, a.name, 'all', array[a.rolname], 'true', 'true') as wanted
      from (select distinct r.oid as role, r.rolname::text, to_regclass(p.relation) as relation, payments.admin_policy(r.rolname)::text as name
              from payments.granted_roles g
              join pg_roles r on r.rolname = g.role
             cross join payments.granted_privileges() p
              join pg_class c on c.oid = to_regclass(p.relation) and c.relkind = 'r'
             where g.as_ = 'admin' and g.revoked_at is null and p.as_ = 'admin') a
      left join found f on f.relation = a.relation and f.name = a.name
  )
  select false, format('The policy %I on %s is gone.', w.name, w.relation), w.ddl, 'superuser'
    from wanted w
   where not exists (select from found f where f.relation = w.relation and f.name = w.name)
  union all
  select false, format('The policy %I on %s was altered. It is: %s.', w.name, w.relation, f.ddl),
         format('do %L', format('begin drop policy %I on %s; %s; end', w.name, w.relation, w.ddl)), 'superuser'
    from wanted w
    join found f on f.relation = w.relation and f.name = w.name
   where f.ddl <> w.ddl
  union all
  select false, format('The policy that lets the admin %s in is gone from %s table(s).', a.role::regrole, count(*)),
         format('select payments.grant_role(%L, ''admin'')', a.role::regrole), null
    from of_admin a
   where a.ddl is null
   group by a.role
  union all
  select false, format('The policy that lets the admin %s in was altered on %s table(s). One is: %s.', a.role::regrole, count(*), min(a.ddl)),
         format('do %L', format('begin %s; perform payments.grant_role(%L, ''admin''); end',
                                string_agg(format('drop policy %I on %s', a.name, a.relation), '; ' order by a.relation::text), a.role::regrole)), 'superuser'
    from of_admin a
   where a.ddl <> a.wanted
   group by a.role
  union all
  select false, format('The policy %I is on the table of webhook secrets, which nobody reads.', p.polname),
         format('drop policy %I on %s', p.polname, p.polrelid::regclass), 'superuser'
    from pg_policy p
    join pg_class c on c.oid = p.polrelid and c.relnamespace = 'payments_secret'::regnamespace
$$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   doctor

set local search_path = pg_catalog, pg_temp;

-- What the doctor asks about the app's own tables and functions; see doctor.sql.

-- The columns of an attached table as attach() would be told them: what it does not use is null.
create function payments.attached_columns(kind text, columns jsonb) returns jsonb
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select jsonb_object_agg(c.name, (parse_ident($2 -> c.name ->> 'column'))[1])
    from payments.attachable_columns($1) c
   where $2 ? c.name or not c.required
$$;

-- An admin's role that could own a table of the app: the one that owns most attached tables, else the first that was recorded.
create function payments.likely_owner() returns text
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select quote_ident(r.rolname)
    from pg_roles r
    left join payments.granted_roles g on g.role = r.rolname and g.as_ = 'admin' and g.revoked_at is null
   cross join lateral (
     select count(*) as n from payments_registry.attachments a join pg_class c on c.oid = a.target where c.relowner = r.oid) owned
   where not r.rolsuper and (g.role is not null or owned.n > 0)
   order by owned.n desc, g.created_at, r.rolname
   limit 1
$$;

create function payments.doctor_attachments() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with attached as materialized (
    select a.kind, a.relation, a.target, a.superuser_owner, payments.attached_columns(a.kind, a.columns) as columns,
           a.columns as known, c.oid, c.relowner, r.rolname, r.rolsuper
      from payments_registry.attachments a
      left join pg_class c on c.oid = a.target
      left join pg_roles r on r.oid = c.relowner
  ), altered as (
    select a.kind, a.target, a.rolname, c.name, c.column_name, c.attnum, c.full_type, a.known -> c.name ->> 'type' as known_type
      from attached a
     cross join lateral payments.resolved_columns(a.kind, a.target, a.columns) c
     where a.oid is not null and a.known ? c.name
       and (c.attnum is null or format_type(c.base, -1) <> a.known -> c.name ->> 'type')
  )
  select false, format('The table %s, attached as %s, is gone.', a.relation, a.kind),
         format('select payments.detach_by_name(%L, %L)', a.kind, a.relation), null
    from attached a
   where a.oid is null
  union all
  select false,
         format('%s, attached as %s, lacks the column(s) %s. Where one was renamed, attach the table again with its new name.',
                d.target, d.kind, string_agg(d.column_name, ', ' order by d.column_name)),
         format('alter table %s %s', d.target, string_agg(format('add column %I %s', d.column_name, d.known_type), ', ' order by d.column_name)),
         'owner'
    from altered d
   where d.attnum is null
   group by d.target, d.kind
  union all
  select false,
         format('%s, attached as %s, has column(s) of another type than when it was attached: %s. '
                'Have %s mend it: casts and checks of the table run as whoever does.', d.target, d.kind,
                string_agg(format('%s is %s, not %s', d.column_name, d.full_type, d.known_type), ', ' order by d.column_name),
                d.rolname),
         format('alter table %s %s', d.target, string_agg(format('alter column %1$I type %2$s using %1$I::text::%2$s', d.column_name, d.known_type), ', '
                                                          order by d.column_name)),
         'owner'
    from altered d
   where d.attnum is not null
   group by d.target, d.kind, d.rolname
  union all
  select false, format('%s, attached as %s, cannot be written to as it must be: %s', a.target, a.kind, e.error),
         case when w.lacks_index then format('create unique index on %s (%I)', a.target, a.columns ->> 'source')
              else format('select payments.detach(%L, %L)', a.kind, a.target) end,
         case when w.lacks_index then 'owner' end
    from attached a
   cross join lateral payments.attachment_errors(a.kind, a.target, a.columns) as e (error)
   cross join lateral (select e.error like 'No unique index%' as lacks_index) w
   where a.oid is not null
  union all
  select false, format('%s, attached as %s, belongs to the superuser %s, so nothing is given there.', a.target, a.kind, a.rolname),
         format('alter table %s owner to %s', a.target, coalesce(payments.likely_owner(), 'the_role_of_the_app')), 'superuser'
    from attached a
   where a.rolsuper and not a.superuser_owner
$$;

create function payments.doctor_benefits() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false, format('%s benefit(s) give %s, and no table is attached as %s.', count(*), b.what, b.kind), 'select payments.create_app_tables()'
    from (select case when b.key is null then 'credits' else 'entitlements' end as what,
                 case when b.key is null then 'credit_ledger' else 'user_entitlements' end as kind
            from payments.benefits b) b
   where not exists (select from payments_registry.attachments a where a.kind = b.kind)
   group by b.what, b.kind
$$;

-- The functions that say who may bill or use, as they were registered and as they are now.
create function payments.registered_predicates()
  returns table (subject_type text, signature text, registered_owner text, said_by_superuser boolean, owner text, owner_is_super boolean)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select t.subject_type, p.signature, p.owner, p.said, r.rolname, r.rolsuper
    from payments_registry.subject_types t
   cross join lateral (values (t.predicate, t.owner, t.said_by_superuser), (t.use_predicate, t.use_owner, t.use_said_by_superuser)) as p (signature, owner, said)
    left join lateral (
      select f.proowner
        from parse_ident(p.signature, false) as named (parts)
        join pg_proc f on f.proname = named.parts[2]
        join pg_namespace n on n.oid = f.pronamespace and n.nspname = named.parts[1]
       where f.proargtypes = '25 25'::oidvector and f.prorettype = 'boolean'::regtype and f.prokind = 'f' and not f.proretset) f on true
    left join pg_roles r on r.oid = f.proowner
   where p.signature is not null
$$;

create function payments.doctor_subject_types() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with looked_up as materialized (
    select t.*, c.oid, c.relkind, r.rolname, r.rolsuper,
           exists (select from pg_roles o where o.rolname = t.owner and not o.rolsuper) as owner_is_there
      from payments_registry.subject_types t
      left join pg_class c on c.oid = t.members
      left join pg_roles r on r.oid = c.relowner
     where t.members is not null
  )
  select false, format('The membership table of %s is gone, so nobody may bill for one.', l.subject_type),
         format('select payments.unprotect_subject_type(%L)', l.subject_type), null
    from looked_up l
   where l.oid is null
  union all
  select false, format('%s, the membership table of %s, has no column %s, so nobody may bill for one. Where it was renamed, register the table again.',
                       l.members, l.subject_type, string_agg(w.name, ', ')),
         format('select payments.unprotect_subject_type(%L)', l.subject_type), null
    from looked_up l
   cross join lateral unnest(array[l.subject_column, l.user_column, l.role_column]) as w (name)
   where l.oid is not null and w.name is not null
     and not exists (select from pg_attribute a where a.attrelid = l.oid and a.attname = w.name and a.attnum > 0 and not a.attisdropped)
   group by l.members, l.subject_type
  union all
  select false, format('%s, the membership table of %s, belongs to the superuser %s, who did not register it.', l.members, l.subject_type, l.rolname),
         format('alter table %s owner to %s', l.members,
                case when l.owner_is_there then quote_ident(l.owner) else coalesce(payments.likely_owner(), 'the_role_of_the_app') end),
         'superuser'
    from looked_up l
   where l.rolsuper and not (l.said_by_superuser and l.rolname = l.owner)
  union all
  select false, format('%s, below the membership view of %s, asks with its reader''s rights (security_invoker).', v.relation::regclass, l.subject_type),
         format('alter view %s reset (security_invoker)', v.relation::regclass), 'owner'
    from looked_up l
   cross join lateral payments.views_read(l.oid) v
   where v.asks_as_invoker
  union all
  select false,
         case when p.owner is null then format('The function %s, which decides on %s, is gone, so nobody may.', p.signature, p.subject_type)
              else format('The function %s, which decides on %s, belonged to %s when it was registered and belongs to %s now, so nobody may. '
                          'It may say something else: read it before it is registered again.',
                          p.signature, p.subject_type, p.registered_owner, p.owner) end,
         format('select payments.unprotect_subject_type(%L)', p.subject_type), null
    from payments.registered_predicates() p
   where p.owner is null or p.owner <> p.registered_owner
$$;

-- A look-up asks for a user; a primary key (team, user) does not serve it. Of a column whose text is compared no index serves.
create function payments.doctor_membership_indexes() returns table (ok boolean, detail text, fix text, mender text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false,
         format('%s, the membership table of %s, has no index that begins with %s: each look-up reads the whole table.', t.members, t.subject_type, t.user_column),
         format('create index%s on %s (%I)', case c.relkind when 'p' then '' else ' concurrently' end, t.members, t.user_column), 'owner'
    from payments_registry.subject_types t
    join pg_class c on c.oid = t.members and c.relkind in ('r', 'p', 'm')
    join pg_attribute a on a.attrelid = c.oid and a.attname = t.user_column and a.attnum > 0 and not a.attisdropped
   where payments.base_type(a.atttypid) in ('uuid'::regtype, 'bigint'::regtype, 'integer'::regtype, 'smallint'::regtype, 'text'::regtype, 'varchar'::regtype)
     and not exists (select from pg_index i
                      where i.indrelid = c.oid and i.indkey[0] = a.attnum and i.indisvalid and i.indpred is null)
$$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   doctor
--   operate::doctor::library_version

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

-- src/lib.rs
-- requires:
--   doctor
--   operate::event_types::handled_event_types

set local search_path = pg_catalog, pg_temp;

-- What the doctor asks about Stripe and its events; see doctor.sql.

create function payments.doctor_secrets() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select coalesce(s.last_until > now() + interval '3 days', false),
         case when s.n = 0 then format('%s has no webhook secret that is valid now, so no event can be verified.', initcap(e.environment))
              when s.last_until <= now() + interval '3 days'
                then format('The last webhook secret of %s ends at %s.', e.environment, s.last_until)
              when s.rolled_until is not null
                then format('%s has the secret that was set at %s; the previous one is valid until %s.', initcap(e.environment), s.set_at, s.rolled_until)
              else format('%s has the secret that was set at %s.', initcap(e.environment), s.set_at) end,
         case when s.n = 0 or s.last_until <= now() + interval '3 days'
              then format('select payments.set_webhook_secret(%L, ''whsec_…'')', e.environment) end
    from payments.environments_in_use() as e (environment)
   cross join lateral (
     select count(*) as n, max(t.valid_from) as set_at, max(coalesce(t.valid_until, 'infinity')) as last_until,
            max(t.valid_until) filter (where t.valid_until < 'infinity') as rolled_until
       from payments.webhook_secret_terms(e.environment) t) s
$$;

create function payments.doctor_live() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select e.live_approved_at is not null,
         case when e.live_approved_at is not null then format('Live was approved by %s at %s.', e.live_approved_by, e.live_approved_at)
              when e.went_live_at is not null
                then format('Live was approved before (at %s) and is closed: its sessions and events are refused.', e.went_live_at)
              else 'Live has a webhook secret, and nobody has approved it: its sessions and events are refused.' end,
         case when e.live_approved_at is null then 'select payments.approve_live(''the name of who approves'')' end
    from payments.environments e
   where e.environment = 'live' and 'live' in (select payments.environments_in_use())
$$;

create function payments.doctor_accounts() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false,
         format('%s does not know its own Stripe account, so the events of an organization cannot be told from those of connected accounts.',
                initcap(e.environment)),
         format('select payments.set_stripe_account(%L, ''acct_…'')', e.environment)
    from payments.environments_in_use() as e (environment)
   where not exists (select from payments.stripe_connections c
                      where c.environment = e.environment and c.stripe_account_id is not null)
$$;

create function payments.doctor_wrong_livemode() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false,
         format('%s event(s) of the other mode were posted to the endpoint of %s, the last at %s: at Stripe, its URL is registered in the wrong mode.',
                c.wrong_livemode_count, c.environment, c.wrong_livemode_at),
         format('update payments.stripe_connections set wrong_livemode_count = 0, wrong_livemode_at = null where environment = %L', c.environment)
    from payments.stripe_connections c
   where c.wrong_livemode_count > 0
   order by c.environment desc
$$;

-- A Stripe session ends within a day, and Stripe says so. One that is open for longer was not heard of.
create function payments.doctor_event_age() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select not d.silent and o.n = 0,
         case when d.silent then format('%s has a webhook secret since %s, and no event ever came.', initcap(e.environment), s.since)
              when o.n > 0
                then format('%s checkout session(s) of %s are open for more than a day, and nothing was heard of their end. ', o.n, e.environment)
              else '' end
         || case when w.last_at is null then format('No event of %s came so far.', e.environment)
                 else format('The last event of %s came %s ago, at %s.', e.environment, date_trunc('second', now() - w.last_at), w.last_at) end,
         case when d.silent or o.n > 0 and coalesce(w.last_at < o.first_at, true) then 'payments-bridge setup'
              when o.n > 0 then 'payments-bridge sync' end
    from payments.environments_in_use() as e (environment)
   cross join lateral (
     select max(w.received_at) as last_at from payments.webhook_events w
      where w.environment = e.environment and w.ctid >= (select payments.newest_pages('payments.webhook_events'))) w
   cross join lateral (select min(t.valid_from) as since from payments.webhook_secret_terms(e.environment) t) s
   cross join lateral (
     select count(*) as n, min(o.created_at) as first_at from payments.checkout_sessions o
      where o.environment = e.environment and o.status = 'open' and o.created_at < now() - interval '26 hours'
        and o.stripe_checkout_session_id is not null and o.ctid >= (select payments.newest_pages('payments.checkout_sessions'))) o
   cross join lateral (select w.last_at is null and coalesce(s.since < now() - interval '1 day', false) as silent) d
$$;

-- Of an event type that Stripe always sends with another one, when the other came long ago and it never did.
create function payments.doctor_event_types() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with seen as materialized (
    select w.environment, w.event_type, min(w.received_at) as first_at
      from payments.webhook_events w
     where w.ctid >= (select payments.newest_pages('payments.webhook_events'))
     group by w.environment, w.event_type
  ), missing as (
    select s.environment, string_agg(distinct c.type, ', ') as types, string_agg(distinct c.given, ', ') as given
      from (values
        ('payment_intent.succeeded', 'charge.succeeded'), ('customer.subscription.created', 'invoice.finalized'),
        ('invoice.paid', 'invoice.finalized'), ('charge.refunded', 'refund.created'), ('refund.created', 'charge.refunded'),
        ('charge.dispute.closed', 'charge.dispute.created'),
        ('checkout.session.async_payment_succeeded', 'checkout.session.completed')) as c (given, type)
      join seen s on s.event_type = c.given and s.first_at < now() - interval '1 day'
     where c.type in (select payments.handled_event_types())
       and not exists (select from seen o where o.environment = s.environment and o.event_type = c.type)
     group by s.environment
  ), unseen as (
    select e.environment, string_agg(h.type, ', ' order by h.type) as types
      from payments.environments_in_use() as e (environment)
     cross join payments.handled_event_types() as h (type)
     where not exists (select from seen s where s.environment = e.environment and s.event_type = h.type)
     group by e.environment
  )
  select m.types is null,
         case when m.types is not null
                then format('%s never sent %s, which Stripe sends with %s: the webhook endpoint does not ask for it. ', initcap(e.environment), m.types, m.given)
              else '' end
         || coalesce(format('Not seen in %s so far: %s.', e.environment, u.types), format('Every event type that is handled was seen in %s.', e.environment)),
         case when m.types is not null then 'payments-bridge setup' end
    from payments.environments_in_use() as e (environment)
    left join missing m on m.environment = e.environment
    left join unseen u on u.environment = e.environment
$$;

create function payments.doctor_failed_events() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false,
         format('%s event(s) of %s failed, and %s wait(s) for more than an hour. ', f.failed, f.environment, f.pending)
         || coalesce(format('The last: %s, %s.', f.last_event, f.last_error), ''),
         format('select payments.replay_events(%L)', f.environment)
    from (
      select w.environment, count(*) filter (where w.processing_status = 'failed') as failed,
             count(*) filter (where w.processing_status = 'pending') as pending,
             (array_agg(w.stripe_event_id order by w.received_at desc))[1] as last_event,
             (array_agg(coalesce(w.last_error, 'not processed yet') order by w.received_at desc))[1] as last_error
        from payments.webhook_events w
       where w.processing_status = any ('{failed,pending}')
         and (w.processing_status = 'failed' or w.received_at < now() - interval '1 hour')
       group by w.environment) f
   order by f.environment desc
$$;

-- A claim on a customer that another claim, with earlier evidence, has. What an admin wrote is decided.
create function payments.doctor_mappings() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with claim as materialized (
    select c.environment, c.subject_type, c.subject_id, c.stripe_customer_id
      from payments.mapping_claims c
     where c.ctid >= (select payments.newest_pages('payments.mapping_claims'))
  ), refused as (
    select c.*, m.subject_type as mapped_type, m.subject_id as mapped_id, m.stripe_customer_id as mapped_customer
      from claim c
      join payments.stripe_customer_mappings m
        on m.environment = c.environment and m.subject_type = c.subject_type and m.subject_id = c.subject_id
       and m.stripe_customer_id <> c.stripe_customer_id
     where m.evidence_event_id is not null
    union
    select c.*, m.subject_type, m.subject_id, m.stripe_customer_id
      from claim c
      join payments.stripe_customer_mappings m
        on m.environment = c.environment and m.stripe_customer_id = c.stripe_customer_id
       and (m.subject_type, m.subject_id) <> (c.subject_type, c.subject_id)
     where m.evidence_event_id is not null
  )
  select false,
         format('A completed session of %s says that %s %s is customer %s. By earlier evidence %s %s is customer %s. '
                'The fix confirms that; write another mapping where it is wrong.',
                r.environment, r.subject_type, r.subject_id, r.stripe_customer_id, r.mapped_type, r.mapped_id, r.mapped_customer),
         format('update payments.stripe_customer_mappings set updated_at = now() where environment = %L and subject_type = %L and subject_id = %L',
                r.environment, r.mapped_type, r.mapped_id)
    from refused r
   order by r.environment desc, r.subject_type, r.subject_id
   limit 20
$$;

create function payments.doctor_sync() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false,
         format('The last backfill of %s failed: %s.', c.environment, rtrim(coalesce(c.last_sync_error, 'no reason was recorded'), '.')),
         'payments-bridge sync'
    from payments.stripe_connections c
   where c.last_sync_status = 'failed'
  union all
  select false, format('The connection of %s with Stripe is in error.', c.environment), 'payments-bridge setup'
    from payments.stripe_connections c
   where c.status = 'error'
$$;

-- Stripe forgets idempotency keys after a day: what waited for so long is not sent any more. A request about a subscription is, unless
-- it may have been sent before; see payments.too_late().
create function payments.doctor_unsent_sessions() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with waiting as (
    select s.environment, 'checkout_sessions' as relation, s.created_at, true as is_forgotten from payments.checkout_sessions s
     where s.status = 'initialized' and s.created_at < now() - interval '10 minutes' and s.ctid >= (select payments.newest_pages('payments.checkout_sessions'))
    union all
    select s.environment, 'customer_portal_sessions', s.created_at, true from payments.customer_portal_sessions s
     where s.status = 'initialized' and s.created_at < now() - interval '10 minutes'
       and s.ctid >= (select payments.newest_pages('payments.customer_portal_sessions'))
    union all
    select s.environment, 'subscription_requests', s.created_at,
           s.request is not null
           or exists (select from payments.request_leases l where l.session_id = s.id and l.first_claimed_at < now() - interval '23 hours')
      from payments.subscription_requests s
     where s.status = 'initialized' and s.created_at < now() - interval '10 minutes'
       and s.ctid >= (select payments.newest_pages('payments.subscription_requests'))
  )
  select false,
         format('%s row(s) of payments.%s in %s wait to be sent to Stripe, the first since %s: ', count(*), w.relation, w.environment, min(w.created_at))
         || case when a.too_old then 'too long, they cannot be sent any more.' else 'nothing sends the requests.' end,
         case when a.too_old
              then format('select count(payments.record_stripe_error(id, %L)) from payments.%s '
                          'where environment = %L and status = ''initialized'' and created_at < now() - interval ''23 hours''%s',
                          case w.relation when 'subscription_requests' then 'it may have been sent, and no answer was recorded: look at Stripe'
                                          else 'it was never sent to Stripe' end, w.relation, w.environment,
                          case w.relation when 'subscription_requests'
                            then ' and (request is not null or exists (select from payments.request_leases l where l.session_id = id '
                                 'and l.first_claimed_at < now() - interval ''23 hours''))' else '' end)
              else 'payments-bridge serve' end
    from waiting w
   cross join lateral (select w.is_forgotten and w.created_at < now() - interval '23 hours' as too_old) a
   group by w.environment, w.relation, a.too_old
   order by w.environment desc, w.relation, a.too_old
$$;

create function payments.doctor_review() returns table (ok boolean, detail text, fix text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select false,
         format('%s fulfillment(s) of %s are %s, for example: %s.', count(*), f.environment, f.state, rtrim(coalesce(min(f.reason), 'no reason'), '.'))
         || case f.state when 'needs_review' then ' payments.review has the next step of each.' else '' end,
         format('select payments.retry_fulfillments(%L)', f.environment)
    from payments.fulfillments f
   where f.state in ('needs_review', 'failed')
   group by f.environment, f.state
   order by f.environment desc, f.state
$$;

-- Of a small shop all that the view has; of a large one what is new and what the view's first part asks.
create function payments.doctor_unfulfilled() returns table (ok boolean, detail text, fix text)
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  small constant boolean := pg_relation_size('payments.payment_history'::regclass) + pg_relation_size('payments.facts'::regclass) < 32 * 1024 * 1024;
begin
  return query
    select false,
           format('%s payment(s) of %s%s gave nothing: %s %s.', count(*), u.environment, case when small then '' else ', of the newest,' end,
                  sum(u.amount), coalesce(u.currency, 'of no currency')),
           format('select amount, currency, reason, next_step from payments.unfulfilled_payments where environment = %L', u.environment)
      from (
        select v.environment, v.amount, v.currency from payments.unfulfilled_payments v where small
        union all
        select p.environment, p.amount, p.currency
          from payments.payment_history p
         where not small and p.ctid >= (select payments.newest_pages('payments.payment_history'))
           and p.type = 'one_time_payment' and p.status in ('succeeded', 'partially_refunded')
           and not (p.amount > 0 and coalesce(p.amount_refunded, 0) + coalesce(p.amount_lost, 0) >= p.amount)
           and not exists (
             select from payments.checkout_sessions s
               join payments.fulfillments f on f.source = 'checkout:' || s.id and f.environment = s.environment
              where s.environment = p.environment and s.stripe_checkout_session_id = p.stripe_checkout_session_id
                and f.kind <> 'fulfillment_jobs' and f.state in ('applied', 'reversed'))
           and not exists (
             select from payments.checkout_sessions s
               join payments.fulfillments f on f.source = 'checkout:' || s.id and f.environment = s.environment
              where s.environment = p.environment and s.stripe_payment_intent_id = p.stripe_payment_intent_id
                and f.kind <> 'fulfillment_jobs' and f.state in ('applied', 'reversed'))) u
     group by u.environment, u.currency
     order by u.environment desc, u.currency;
end
$$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   fulfillment

set local search_path = pg_catalog, pg_temp;

-- Jobs for workers.

create type payments.job as (id text, kind text, source text, payload jsonb, attempts integer);

/* Takes up to n jobs that are due, for this worker alone; each must be finished or failed within 5 minutes, or it comes
   again. Workers LISTEN payments_jobs and claim when told. Raises 22023 (n is from 1 to 1000), 55000 where no table of jobs is
   attached. */
create function payments.claim_jobs(n integer default 1) returns setof payments.job
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.claim_jobs_body(n integer) returns setof payments.job
  language sql set search_path = pg_catalog, pg_temp
as $$
  select payments.check_count($1);
  select * from jsonb_populate_recordset(null::payments.job, payments.take_jobs($1))
$$;

/* The same for a table whose key is a uuid. */
create function payments.finish_job(id uuid) returns boolean
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.finish_job_body(id uuid) returns boolean
  language sql set search_path = pg_catalog, pg_temp
as $$ select payments.finish_job($1::text) $$;

create function payments.fail_job(id uuid, error text) returns boolean
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.fail_job_body(id uuid, error text) returns boolean
  language sql set search_path = pg_catalog, pg_temp
as $$ select payments.fail_job($1::text, $2) $$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   fulfillment

set local search_path = pg_catalog, pg_temp;

-- Orders that a backend makes of line items; what they cost is decided in core/src/fulfillment/new_order.rs.

/* Makes a pending order of line items ({price | stripePriceId | lookup_key, quantity}) in the app's own orders table: amount and currency
   from the catalog, for a user, a subject, or nobody. orders names the table where several are attached. Returns the order's id, which
   goes into the checkout session's metadata.order_id.

   A function of the app's that is owned by an admin and runs as its owner (security definer) may call it for end users: it then chooses
   the user, the subject and what may be ordered.

   Raises 22023 (a bad argument, or a price that is unknown, inactive, recurring, without a fixed amount for one unit, or in another
   currency than the others), 55000 (no orders table is attached), and what the table itself raises. */
create function payments.create_order(environment text, line_items jsonb, user_id text default null, subject_type text default null,
                                      subject_id text default null, orders regclass default null) returns text
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.create_order_body(environment text, line_items jsonb, user_id text, subject_type text, subject_id text, orders regclass)
  returns text
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.hide_secrets_from_log(array[environment, line_items::text, user_id, subject_type, subject_id]);
  return payments.insert_order(environment, line_items, user_id, subject_type, subject_id, orders::oid);
end
$$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   fulfillment

set local search_path = pg_catalog, pg_temp;

-- Paywalls: what the caller has, for one-line policies; and spending credits.

-- Whether the caller may read or spend what a subject has: a trusted backend, or whoever may use the subject.
create function payments.caller_may_use(caller text, subject_type text, subject_id text) returns boolean
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select payments.is_admin_role($1) or payments.may_use_subject($2, $3)
$$;

-- The keys that a user holds now, by themselves or through a subject that they may use; only key where it is not null.
create function payments.keys_held_by(user_id text, key text) returns text[]
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select payments.keys_of($1, $2, array_agg(s.subject_type), array_agg(s.subject_id)) from payments.usable_subjects_of($1) s
$$;

/* The keys that the caller holds now, bought or subscribed to by themselves or by a subject that they may use. For large scans:
   using (course in (select payments.my_entitlements())). */
create function payments.my_entitlements() returns setof text
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_anyone';

create function payments.my_entitlements_body() returns setof text
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select unnest(payments.keys_held_by(payments.current_user_id(), null))
$$;

/* Whether the caller holds an entitlement now; nobody holds none (null). In a policy write (select payments.has_entitlement('course')), so that it is
   asked once a statement. */
create function payments.has_entitlement(key text) returns boolean
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_anyone';

create function payments.has_entitlement_body(key text) returns boolean
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select $1 is not null and cardinality(payments.keys_held_by(payments.current_user_id(), $1)) > 0
$$;

/* The keys that a user holds now, by themselves or through a subject that they may use: for a trusted backend, which names the user. */
create function payments.entitlements_of(user_id text) returns setof text
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.entitlements_of_body(user_id text) returns setof text
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select unnest(payments.keys_held_by($1, null))
$$;

/* Whether a user holds an entitlement now: for a trusted backend, which names the user. */
create function payments.has_entitlement(key text, user_id text) returns boolean
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.has_entitlement_body(key text, user_id text) returns boolean
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select $1 is not null and cardinality(payments.keys_held_by($2, $1)) > 0
$$;

-- Until when a subscription gives access: as long as any of its items gives a key, by the rule and policies of its keys; where none
-- gives a key, as a key with no policy would be given. Null where it gives none, infinity where nothing ends it. past_due
-- overrides the policies.
create function payments.access_until(environment text, stripe_subscription_id text, past_due boolean default null) returns timestamptz
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with item as (
    select s.status, s.pause_collection is not null as paused, s.cancel_at_period_end, s.cancel_at,
           coalesce(i.current_period_end, s.current_period_end) as period_end, i.stripe_price_id,
           coalesce(i.stripe_product_id, (select p.stripe_product_id from payments.prices p
                                           where p.stripe_price_id = i.stripe_price_id and p.environment = s.environment)) as product
      from payments.subscriptions s
      left join payments.subscription_items i on i.stripe_subscription_id = s.stripe_subscription_id and i.environment = s.environment
     where s.stripe_subscription_id = $2 and s.environment = $1
  ), giving as (
    select i.*, b.key, b.past_due as key_past_due, b.paused as key_paused
      from item i
      left join payments.benefits b
        on coalesce(b.stripe_price_id, b.stripe_product_id) in (i.stripe_price_id, i.product) and b.environment = $1 and b.key is not null
           -- a price's own benefit takes precedence over its product's
           and (b.stripe_price_id is not null or not exists (
             select from payments.benefits o
              where coalesce(o.stripe_price_id, o.stripe_product_id) = i.stripe_price_id and coalesce(o.key, '') = b.key and o.environment = $1))
  )
  select max(coalesce(payments.access_ends(g.period_end, g.cancel_at_period_end, g.cancel_at), 'infinity'))
    from giving g
   where (g.key is not null or not exists (select from giving o where o.key is not null))
     and payments.grants_access(g.status, g.paused, coalesce($3, g.key_past_due, false), coalesce(g.key_paused, true))
$$;

/* Whether a subject has a subscription that gives access now, by the rule of all paywalls: trialing or active, past due and with its
   collection paused by the policies of its keys (past_due, where given, overrides these), until the period of an item ends; unless it is
   scheduled to end then, payments.period_grace longer, for a late renewal. Once live was approved, only subscriptions of live do. Of a
   subject that the caller may not use it says false. */
create function payments.has_active_subscription(subject_type text, subject_id text, past_due boolean default null) returns boolean
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_named_caller';

create function payments.has_active_subscription_body(subject_type text, subject_id text, past_due boolean) returns boolean
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select payments.caller_may_use(payments.outer_role(), $1, $2) and exists (
    select from payments.subscriptions s
     where s.subject_type = $1 and s.subject_id = $2 and s.environment = (select payments.effective_environment())
      and payments.access_until(s.environment, s.stripe_subscription_id, $3) > now())
$$;

/* The ids of the subjects of a type that the caller may use and that have such a subscription. For large scans:
   using (team_id in (select payments.my_active_subscriptions('team'))). */
create function payments.my_active_subscriptions(subject_type text, past_due boolean default null) returns setof text
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_anyone';

create function payments.my_active_subscriptions_body(subject_type text, past_due boolean) returns setof text
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select distinct s.subject_id
    from payments.subscriptions s
   where s.subject_type = $1 and s.subject_id in (select m from payments.my_usable_subjects($1) m)
     and s.environment = (select payments.effective_environment())
     and payments.access_until(s.environment, s.stripe_subscription_id, $2) > now()
$$;

/* A subject's credits; null where the caller may not use the subject. */
create function payments.credit_balance(subject_type text, subject_id text) returns bigint
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_named_caller';

create function payments.credit_balance_body(subject_type text, subject_id text) returns bigint
  language sql stable set search_path = pg_catalog, pg_temp
as $$ select case when payments.caller_may_use(payments.outer_role(), $1, $2) then payments.balance_of($1, $2) end $$;

/* The balances of the subjects of a type that the caller may use. For large scans:
   using (team_id in (select b.subject_id from payments.my_credit_balances('team') b where b.balance > 0)). */
create function payments.my_credit_balances(subject_type text) returns table (subject_id text, balance bigint)
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_anyone';

create function payments.my_credit_balances_body(subject_type text) returns table (subject_id text, balance bigint)
  language sql stable set search_path = pg_catalog, pg_temp
as $$ select m, payments.balance_of($1, m) from payments.my_usable_subjects($1) m $$;

/* Spends credits of a subject that the caller may use (a trusted backend: of any), and returns the balance after it. Never
   below zero, whatever the concurrency. The same key of the same subject spends once, and returns what it returned then.

   Raises 22023 (amount, key), 42501 (a subject that the caller may not use), PT402 (not enough credits; 402 through PostgREST), PT409
   (the key was used for another amount), 55000 (no ledger is attached), 25001 (the isolation level is not read committed,
   and so would hide what others spend). */
create function payments.spend_credits(subject_type text, subject_id text, amount bigint, idempotency_key text, reason text default null)
  returns bigint
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_named_caller';

create function payments.spend_credits_body(subject_type text, subject_id text, amount bigint, idempotency_key text, reason text)
  returns bigint
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  caller constant text := payments.outer_role();
begin
  perform payments.hide_secrets_from_log(array[subject_type, subject_id, idempotency_key, reason]);
  if coalesce(amount, 0) <= 0 then
    raise exception 'credits to spend must be more than zero' using errcode = 'invalid_parameter_value',
      detail = format('Amount: %s.', coalesce(amount::text, 'NULL')), hint = 'Use payments.adjust_credits as an admin to give credits.';
  end if;
  return payments.change_credits(caller, subject_type, subject_id, -amount, 'spend', idempotency_key, reason);
end
$$;

/* Gives or takes credits by hand, down to zero; admins only. Otherwise as spend_credits. */
create function payments.adjust_credits(subject_type text, subject_id text, delta bigint, idempotency_key text, reason text default null)
  returns bigint
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_named_admin';

create function payments.adjust_credits_body(subject_type text, subject_id text, delta bigint, idempotency_key text, reason text)
  returns bigint
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  caller constant text := payments.outer_role();
begin
  perform payments.hide_secrets_from_log(array[subject_type, subject_id, idempotency_key, reason]);
  if coalesce(delta, 0) = 0 then
    raise exception 'there is nothing to adjust' using errcode = 'invalid_parameter_value',
      detail = format('Delta: %s.', coalesce(delta::text, 'NULL')), hint = 'Give the change: 10, or -10.';
  end if;
  return payments.change_credits(caller, subject_type, subject_id, delta, 'adjustment', idempotency_key, reason);
end
$$;

-- A source that no other subject or key can have: within type and id, colons and backslashes are escaped.
create function payments.source_of_change(reason text, subject_type text, subject_id text, idempotency_key text) returns text
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select concat_ws(':', $1, regexp_replace($2, '([:\\])', '\\\1', 'g'), regexp_replace($3, '([:\\])', '\\\1', 'g'), $4)
$$;

create function payments.change_credits(caller text, subject_type text, subject_id text, delta bigint, reason text, idempotency_key text, note text)
  returns bigint
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  changed jsonb;
begin
  if coalesce(idempotency_key, '') = '' or length(idempotency_key) > 200 then
    raise exception 'an idempotency key is needed' using errcode = 'invalid_parameter_value',
      detail = payments.without_secrets(format('Key: %s.', coalesce(left(idempotency_key, 200), 'NULL'))),
      hint = 'Pass an id of what is bought with the credits, at most 200 characters: the same key spends once.';
  end if;
  if subject_type is null or subject_id is null or not payments.caller_may_use(caller, subject_type, subject_id) then
    raise exception 'the caller may not use the credits of this subject' using errcode = 'insufficient_privilege',
      detail = payments.without_secrets(format('Subject: %s %s.', coalesce(subject_type, 'NULL'), coalesce(subject_id, 'NULL'))),
      hint = 'Name a subject that the caller may use, or call it from the backend.';
  end if;
  changed := payments.change_balance(subject_type, subject_id, delta, reason,
                                     payments.source_of_change(reason, subject_type, subject_id, idempotency_key), note);
  case changed ->> 'outcome'
    when 'short' then
      raise exception 'not enough credits' using errcode = 'PT402',
        detail = payments.without_secrets(format('Subject %s %s has %s, %s were asked for.', subject_type, subject_id, changed ->> 'balance', -delta)),
        hint = 'Buy more credits.';
    when 'conflict' then
      raise exception 'idempotency key used for another request' using errcode = 'PT409',
        detail = payments.without_secrets(format('Key: %s.', idempotency_key)), hint = 'Use a new key for another amount.';
    else
      return (changed ->> 'balance')::bigint;
  end case;
end
$$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   fulfillment

set local search_path = pg_catalog, pg_temp;

-- The story of one purchase for a person to read: what was asked, what Stripe said, what came of it.

-- In words, what one kept statement says.
create function payments.describe_fact(object_type text, statement json) returns text
  language sql immutable set search_path = pg_catalog, pg_temp
as $function$
  select case object_type
    when 'checkout.session' then format('checkout session %s is %s and %s%s', fact ->> 'id', coalesce(fact ->> 'status', 'open'),
           coalesce(fact ->> 'payment_status', 'unpaid'),
           coalesce(format(', %s %s', fact ->> 'amount_total', fact ->> 'currency'), ''))
    when 'checkout.session.line_items' then format('Stripe''s line items of checkout session %s are known%s', fact ->> 'session',
           case when fact ->> 'has_more' = 'true' then ', but for some' else '' end)
    when 'invoice.lines' then format('all lines of invoice %s are known%s', fact ->> 'invoice',
           case when fact #>> '{lines,has_more}' = 'true' then ', but for some' else '' end)
    when 'payment_intent' then format('payment intent %s is %s: %s of %s %s received', fact ->> 'id', fact ->> 'status',
           fact ->> 'amount_received', fact ->> 'amount', fact ->> 'currency')
    when 'charge' then format('charge %s of %s %s %s%s', fact ->> 'id', fact ->> 'amount', fact ->> 'currency', fact ->> 'status',
           case when (fact ->> 'amount_refunded')::bigint > 0 then format(', %s of it refunded', fact ->> 'amount_refunded') else '' end)
    when 'invoice' then format('invoice %s is %s: %s of %s %s paid%s', fact ->> 'id', fact ->> 'status', fact ->> 'amount_paid',
           fact ->> 'amount_due', fact ->> 'currency',
           coalesce(', for subscription ' || (fact ->> 'subscription'), '')
           || case when fact ->> 'state' = 'failed' and fact ->> 'status' = 'open' then '; the payment failed' else '' end)
    when 'invoice_payment' then format('invoice %s was paid with %s', fact ->> 'invoice',
           coalesce(fact ->> 'payment_intent', fact ->> 'charge', 'something else'))
    when 'refund' then format('refund %s of %s %s %s%s', fact ->> 'id', fact ->> 'amount', fact ->> 'currency', fact ->> 'status',
           coalesce(' (' || (fact ->> 'reason') || ')', ''))
    when 'dispute' then format('dispute %s of %s %s is %s%s%s', fact ->> 'id', fact ->> 'amount', fact ->> 'currency', fact ->> 'status',
           coalesce(' (' || (fact ->> 'reason') || ')', ''),
           case when (fact ->> 'reinstated')::bigint > 0 then format(', %s of it was reinstated', fact ->> 'reinstated') else '' end)
    when 'credit_note' then format('credit note %s of invoice %s is %s%s: %s%s', fact ->> 'id', fact ->> 'invoice', fact ->> 'status',
           coalesce(' (' || (fact ->> 'reason') || ')', ''), concat_ws(' ', fact ->> 'amount', fact ->> 'currency'),
           case when (fact ->> 'to_balance')::bigint > 0 then format(', %s%s of it to the customer''s balance',
                     case when fact ->> 'refund' is not null then 'at most ' else '' end, fact ->> 'to_balance') else '' end
           || case when (fact ->> 'out_of_band')::bigint > 0 then format(', %s of it outside of Stripe', fact ->> 'out_of_band') else '' end)
    when 'radar.early_fraud_warning' then format('the card''s issuer warns that %s may be fraud%s',
           coalesce(fact ->> 'charge', fact ->> 'payment_intent'), coalesce(' (' || (fact ->> 'fraud_type') || ')', ''))
    when 'adopted_payment' then format('another backend wrote the payment, %s with %s %s%s; it is taken in as it stood', fact ->> 'status',
           coalesce(fact ->> 'amount', 'no amount'), fact ->> 'currency',
           case when (fact ->> 'amount_refunded')::bigint > 0 then format(', %s of it refunded', fact ->> 'amount_refunded') else '' end)
    when 'subscription' then format('subscription %s is %s%s', object ->> 'id', object ->> 'status',
           case when statement ->> 'deleted' = 'true' then ', and ended' when object ->> 'cancel_at_period_end' = 'true'
             or object ->> 'cancel_at' is not null then ', and told to end' else '' end
           || case when object #>> '{pause_collection,behavior}' is not null
                   then format(', its collection paused (%s)%s', object #>> '{pause_collection,behavior}',
                               ' until ' || (to_timestamp((object #>> '{pause_collection,resumes_at}')::bigint) at time zone 'UTC') || ' UTC')
              else '' end)
    when 'customer' then format('customer %s%s%s', object ->> 'id', coalesce(' <' || (object ->> 'email') || '>', ''),
           case when statement ->> 'deleted' = 'true' then ' was deleted' else ' is known' end)
    else object_type || ' was told of' end
    from (select statement -> 'fact' as fact, statement -> 'object' as object) as said
$function$;

-- The whole story of an order, a checkout session (the local id or Stripe's), a payment intent, a charge, an invoice, a
-- refund, a dispute, a credit note, a subscription or a customer, in time order. No row: nothing is known under that reference.
create function payments.explain(reference text)
  returns table (environment text, happened_at timestamptz, story text)
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.explain_body(reference text)
  returns table (environment text, happened_at timestamptz, story text)
  language sql stable set search_path = pg_catalog, pg_temp
as $function$
  with asked as (
    select s.* from payments.checkout_sessions s
     where s.id = case when reference ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' then reference::uuid end
    union all
    select s.* from payments.checkout_sessions s
     where s.environment in ('test', 'live') and s.stripe_checkout_session_id = reference
    union all
    select s.* from payments.stripe_customer_mappings m
      join payments.checkout_sessions s on s.subject_type = m.subject_type and s.subject_id = m.subject_id
       and s.environment = m.environment and s.stripe_customer_id = m.stripe_customer_id
     where m.environment in ('test', 'live') and m.stripe_customer_id = reference
  ), ordered as (
    select a.* from asked a
    union all
    select s.* from payments.checkout_sessions s
     where reference !~ '^(cs|pi|ch|py|pyr|in|inpay|sub|cus|re|dp|du|cn|issfr|evt|prod|price)_' and not exists (select from asked)
       and s.metadata ->> 'order_id' = reference
  ), relative as (
    -- Sessions that Stripe recovered from others tell one story with them.
    select r.environment, r.stripe_checkout_session_id, r.recovered_from
      from payments.recovered_sessions r
     where r.environment in ('test', 'live') and r.stripe_checkout_session_id = reference
    union
    select r.environment, r.stripe_checkout_session_id, r.recovered_from
      from payments.recovered_sessions r
     where r.environment in ('test', 'live') and r.recovered_from = reference
    union
    select r.environment, r.stripe_checkout_session_id, r.recovered_from
      from ordered a join payments.recovered_sessions r on r.environment = a.environment
       and r.recovered_from = coalesce(a.recovered_from, a.stripe_checkout_session_id)
  ), group_id as (
    select l.environment, l.group_id from payments.fact_links l where l.key = reference
    union
    select l.environment, l.group_id from ordered a
      join payments.fact_links l on l.environment = a.environment and l.key = a.stripe_checkout_session_id
    union
    select l.environment, l.group_id from relative r
      join payments.fact_links l on l.environment = r.environment and l.key = any (array[r.stripe_checkout_session_id, r.recovered_from])
    union
    select f.environment, f.group_id from payments.facts f
     where f.environment in ('test', 'live') and f.stripe_customer_id = reference and f.group_id is not null
    union
    select f.environment, f.group_id from payments.facts f
     where f.environment in ('test', 'live') and f.stripe_subscription_id = reference and f.group_id is not null
  ), fact as (
    select f.environment, f.group_id, f.object_id, f.object_type, f.event_id, f.keys, f.stripe_subscription_id, f.statement::text as said
      from group_id a join payments.facts f on f.environment = a.environment and f.group_id = a.group_id
  ), mirrored as (
    select w.environment, reference as key from (values ('test'), ('live')) as w (environment)
    union
    select f.environment, f.stripe_subscription_id collate "default" from fact f where f.stripe_subscription_id is not null
    union
    select s.environment, s.stripe_subscription_id from payments.subscriptions s
     where s.environment in ('test', 'live') and s.stripe_customer_id = reference
  ), named as (
    -- The ids of facts have another collation than the indexes of the other tables.
    select distinct f.environment, k.key collate "default" as key from fact f cross join lateral unnest(f.keys || f.object_id) as k (key)
    union
    select m.environment, m.key from mirrored m
  ), session as (
    select a.* from ordered a
    union
    select s.* from named n join payments.checkout_sessions s
      on s.environment = n.environment and s.stripe_checkout_session_id = n.key
  ), payment as (
    select distinct on (p.id) p.*
      from named n
     cross join lateral (
        select h.* from payments.payment_history h
         where h.environment = n.environment and h.stripe_payment_intent_id = n.key and h.type <> 'refund'
        union all
        select h.* from payments.payment_history h
         where h.environment = n.environment and h.stripe_checkout_session_id = n.key and h.type <> 'refund'
        union all
        select h.* from payments.payment_history h
         where h.environment = n.environment and h.stripe_invoice_id = n.key and h.type <> 'refund'
        union all
        select h.* from payments.payment_history h
         where h.environment = n.environment and h.stripe_charge_id = n.key and h.type <> 'refund' and h.type <> 'dispute'
           and (h.by_backend or (h.stripe_payment_intent_id is null and h.stripe_checkout_session_id is null and h.stripe_invoice_id is null))
       ) p
     where p.type <> 'dispute'
     order by p.id
  ), source as (
    select s.environment, 'checkout:' || s.id as source from session s
    union
    select n.environment, 'session:' || n.key from named n where n.key like 'cs\_%'
    union
    select n.environment, 'subscription:' || n.key from named n where n.key like 'sub\_%'
    union
    select n.environment, 'credit_note:' || n.key from named n where n.key like 'cn\_%'
    union
    select n.environment, 'fraud_warning:' || n.key from named n where n.key like 'issfr\_%'
    union
    -- Of an invoice its attempts, of a subscription its periods.
    select f.environment, f.source collate "default"
      from (select a.environment, case when a.key like 'in\_%' then 'invoice:' else 'subscription:' end || a.key as of
              from named a where a.key like 'in\_%' or a.key like 'sub\_%') n
      join payments.fulfillments f
        on f.environment = n.environment and f.source > (n.of || ':') collate "C" and f.source < (n.of || ';') collate "C"
  ), told (environment, happened_at, story) as (
    select s.environment, s.created_at,
           format('%s asked to pay for %s: %s session %s of %s', coalesce(nullif(s.created_by, ''), 'a guest or a backend'),
                  coalesce(s.subject_type || ' ' || s.subject_id, 'no subject'), s.mode, s.id,
                  (select string_agg(format('%s × %s', coalesce(i ->> 'quantity', '1'), coalesce(i ->> 'stripePriceId', i ->> 'price')), ', ')
                     from jsonb_array_elements(s.line_items) as i))
           || coalesce(' for order ' || (s.metadata ->> 'order_id'), '')
      from session s
    union all
    select s.environment, s.updated_at,
           format(case s.status when 'initialized' then 'session %s could not be sent yet: %s' else 'session %s failed: %s' end, s.id, s.last_error)
      from session s where s.last_error is not null
    union all
    -- What was asked to change of a subscription, and what became of it.
    select s.environment, s.created_at,
           format('%s asked to %s subscription %s', coalesce(nullif(s.created_by, ''), 'a backend'), s.action, s.stripe_subscription_id)
           || coalesce(' to price ' || s.stripe_price_id, '') || coalesce(' with quantity ' || s.quantity, '')
      from named n join payments.subscription_requests s on s.environment = n.environment and s.stripe_subscription_id = n.key
    union all
    select s.environment, s.updated_at,
           format(case s.status when 'failed' then 'the request to %s subscription %s failed: %s'
                                when 'initialized' then 'the request to %s subscription %s could not be sent yet: %s'
                                else case when s.pending_update then 'Stripe will %s subscription %s when invoice %s is paid'
                                          else 'Stripe took the request to %s subscription %s' end end,
                  s.action, s.stripe_subscription_id, coalesce(s.last_error, s.stripe_invoice_id))
      from named n join payments.subscription_requests s on s.environment = n.environment and s.stripe_subscription_id = n.key
     where s.status <> 'initialized' or s.last_error is not null
    union all
    select f.environment, to_timestamp((f.said::json ->> 'created')::bigint),
           case f.object_type when 'adopted_payment' then payments.describe_fact(f.object_type, f.said::json)
                else format('Stripe: %s [%s]', payments.describe_fact(f.object_type, f.said::json),
                            case f.event_id when 'sync' then 'backfill' else coalesce(e.event_type || ' ', '') || f.event_id end) end
      from fact f
      left join payments.webhook_events e on e.environment = f.environment and e.stripe_event_id = f.event_id collate "default"
    union all
    -- Of a subscription or a customer only what may still be the newest is kept as a fact; the events tell the rest.
    select e.environment, to_timestamp((e.payload ->> 'created')::bigint),
           format('Stripe: %s [%s %s]',
                  payments.describe_fact(e.object_type, json_build_object('object', e.payload #> '{data,object}', 'deleted', e.event_type like '%.deleted')),
                  e.event_type, e.stripe_event_id)
      from mirrored m
      join payments.webhook_events e on e.environment = m.environment and e.object_id = m.key
     where e.processing_status = 'processed' and e.object_type in ('customer', 'subscription', 'product', 'price')
    union all
    select f.environment, to_timestamp((f.statement ->> 'created')::bigint),
           format('Stripe: %s [%s]', payments.describe_fact(f.object_type, f.statement), case f.event_id when 'sync' then 'backfill' else f.event_id end)
      from mirrored m
      join payments.facts f on f.environment = m.environment and f.object_id = m.key
     where f.group_id is null
       and not exists (select from payments.webhook_events e where e.environment = f.environment and e.stripe_event_id = f.event_id collate "default")
    union all
    select m.environment, coalesce(to_timestamp(m.evidence_created), m.created_at),
           format('%s %s is customer %s, %s', m.subject_type, m.subject_id, m.stripe_customer_id,
                  coalesce('by event ' || m.evidence_event_id, 'by an admin''s word'))
      from payments.stripe_customer_mappings m
     where m.environment in ('test', 'live') and m.stripe_customer_id = reference
    union all
    select e.environment, e.received_at,
           format('event %s (%s) %s%s', e.stripe_event_id, e.event_type,
                  case when e.processing_status = 'failed' then 'failed: ' || coalesce(e.last_error, 'no reason is recorded')
                       when e.processing_status = 'ignored' then 'was ignored: ' || coalesce(e.last_error, 'no reason is recorded')
                       when e.conflict is not null then 'asked for a mapping that was refused: ' || e.conflict
                       else format('came again with another body, which was refused (%s times)', e.refused_count) end,
                  case when e.attempt_count > 1 then format(', after %s attempts', e.attempt_count) else '' end)
      from named n
      join payments.webhook_events e on e.environment = n.environment and e.object_id = n.key
     where e.processing_status = any ('{failed,ignored}') or e.conflict is not null or e.refused_count > 0
    union all
    select r.environment, coalesce(to_timestamp((f.statement #>> '{fact,created}')::bigint), to_timestamp((f.statement ->> 'created')::bigint)),
           format('Stripe recovered checkout session %s from the expired %s', r.stripe_checkout_session_id, r.recovered_from)
      from relative r
      left join lateral (
        select f.statement from payments.facts f
         where f.environment = r.environment and f.object_id = r.stripe_checkout_session_id
         order by (f.statement ->> 'created')::bigint, f.event_id
         limit 1) f on true
    union all
    -- A period that ended without a word of the next one.
    select u.environment, u.current_period_end,
           format('the period of subscription %s ended, and no renewal was told so far: %s %s', u.stripe_subscription_id,
                  case when now() < u.until then 'access goes on, because it may be told late, until' else 'access ended at' end,
                  (u.until at time zone 'UTC') || ' UTC')
      from mirrored m
     cross join lateral (
        select s.environment, s.stripe_subscription_id, s.current_period_end,
               s.current_period_end + current_setting('payments.period_grace')::interval as until
          from payments.subscriptions s
         where s.environment = m.environment and s.stripe_subscription_id = m.key and s.status in ('active', 'trialing')
           and s.cancel_at is null and not s.cancel_at_period_end and s.current_period_end < now()) u
    union all
    select p.environment, p.updated_at,
           format('of the payment of %s %s, %s was lost to disputes, and %s is left', p.amount, p.currency, p.amount_lost, p.amount - p.amount_lost)
      from payment p
     where p.amount_lost > 0 and p.amount_lost < p.amount
    union all
    select p.environment, p.updated_at,
           'no checkout session of this payment is here, so it gives nothing by itself: payments.unfulfilled_payments tells what to do'
      from payment p
     where p.type = 'one_time_payment' and p.status in ('succeeded', 'partially_refunded')
       and not exists (select from session s where s.environment = p.environment
                          and (s.stripe_checkout_session_id = p.stripe_checkout_session_id
                               or s.stripe_payment_intent_id = p.stripe_payment_intent_id))
    union all
    select g.environment, max(to_timestamp((g.said::json ->> 'created')::bigint)),
           'nothing claims this money: neither a checkout session nor an invoice speaks of it'
           || case when max(to_timestamp((g.said::json ->> 'created')::bigint)) > now() - interval '1 hour' then ' yet'
                   else '. payments.unfulfilled_payments tells what to do' end
      from fact g
     where g.object_type in ('payment_intent', 'charge') and g.said::json #>> '{fact,state}' = 'succeeded'
       and not exists (
         select from fact o
           join payment p on p.environment = o.environment
            and array[p.stripe_payment_intent_id, p.stripe_checkout_session_id, p.stripe_invoice_id, p.stripe_charge_id] && o.keys::text[]
          where o.environment = g.environment and o.group_id = g.group_id)
     group by g.environment, g.group_id
    union all
    select g.environment, g.updated_at,
           format('%s %s: %s%s%s', g.target_table, g.item, g.state, coalesce(' — ' || g.reason, ''), coalesce('. Next: ' || r.next_step, ''))
      from source s
      join payments.fulfillments g on g.environment = s.environment and g.source = s.source
      left join payments.review r
        on r.environment = g.environment and r.source = g.source and r.kind = g.kind and r.target_table = g.target_table and r.item = g.item
    union all
    -- Credits that lapse.
    select l.environment, l.expires_at,
           format('%s %s: %s credits were given until %s UTC, %s', l.target_table, l.source, l.amount, l.expires_at at time zone 'UTC',
                  case when l.lapsed > 0 then format('and %s of them lapsed', l.lapsed)
                       when l.lapsed = 0 then 'and none of them lapsed'
                       when l.expires_at > now() then 'when those that are not spent lapse'
                       else 'and those that were not spent have lapsed: the next change of the balance writes it' end)
      from source s
      join payments.credit_lots l
        on l.environment = s.environment and l.source >= (s.source || ':') collate "C" and l.source < (s.source || ';') collate "C"
  )
  select t.environment, t.happened_at, payments.visible(t.story) from told t order by 1, 2, 3
$function$;

comment on function payments.explain(text) is
  'The story of an order, session, payment intent, charge, invoice, refund, dispute, credit note, subscription or customer in time order, in words.';

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   fulfillment

set local search_path = pg_catalog, pg_temp;

-- What a person must look at: decisions that wait, and money that gave nothing. Together they show each payment that
-- arrived, was not returned, and gave nothing. Views call no function of ours: DROP EXTENSION keeps them.

-- Makes the views where they are missing; see doctor_shape.sql.
create function payments.make_review_views() returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;

  -- What needs a person: a decision to take, or a cause to mend before payments.retry_fulfillments().
  if to_regclass('payments.review') is null then
    create view payments.review with (security_invoker = true) as
    select f.id, f.environment, f.state, f.kind, f.target_table, f.item, f.reason, f.sqlstate, f.attempts, f.source,
           s.stripe_checkout_session_id, s.stripe_payment_intent_id, s.subject_type, s.subject_id, s.created_by,
           s.metadata ->> 'order_id' as order_id, f.created_at, f.updated_at,
           case f.kind when 'payments' then f.amount_due else p.amount end as amount, p.amount_refunded,
           case f.kind when 'payments' then f.currency else p.currency end as currency, p.paid_at,
           case
             when f.kind = 'checkout_sessions' then 'refund this payment at Stripe: the other one was given'
             when f.state = 'failed' then 'mend the cause, then call payments.retry_fulfillments()'
             when f.kind = 'subscriptions'
               then 'cancel the subscription at Stripe, or leave it as it is: this goes when its access ends or the money is back'
             when f.source like 'credit\_note:%'
               then 'take back by hand what it paid for, or leave it as it is: this goes when the credit note is voided'
             when f.source like 'fraud\_warning:%'
               then 'refund it at Stripe before it becomes a dispute, or leave it as it is: this goes when it is refunded in full or disputed'
             when f.item = 'line_items' then 'pass what Stripe answers to payments.sync_stripe_objects(): it is given then'
             when f.item like 'lines:%' then 'pass what Stripe answers to payments.sync_stripe_objects(): the rest is given then'
             when f.reason like 'no order has the id %'
               then 'insert the order, or mend metadata.order_id of the checkout session, then call payments.retry_fulfillments()'
             when f.reason like 'the order is already paid%' then 'refund one of the two payments at Stripe'
             when f.reason like '% less was received than %' then 'collect the rest, or refund what was received'
             when f.kind = 'orders'
               then 'refund the payment at Stripe, or mend the order, then call payments.retry_fulfillments()'
             else 'decide, mend what the reason says, then call payments.retry_fulfillments()'
           end as next_step
      from payments.fulfillments f
      left join payments.checkout_sessions s
        on s.id = case when f.source ~ '^checkout:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then substr(f.source, 10)::uuid end
      left join lateral (
        select h.amount, h.amount_refunded, h.currency, h.paid_at
          from payments.payment_history h
         where h.environment = f.environment and h.type <> 'refund'
           and h.stripe_checkout_session_id
               -- The sources of fulfillments have another collation than the index.
               = case when f.source like 'session:%' then substr(f.source, 9) else s.stripe_checkout_session_id end collate "default"
        union all
        select h.amount, h.amount_refunded, h.currency, h.paid_at
          from payments.payment_history h
         where h.environment = f.environment and h.type <> 'refund' and h.stripe_payment_intent_id = s.stripe_payment_intent_id
        limit 1) p on true
     where f.state in ('needs_review', 'failed');
  end if;

  -- Money that arrived and gave nothing at all. A job gives nothing.
  if to_regclass('payments.unfulfilled_payments') is null then
    create view payments.unfulfilled_payments with (security_invoker = true) as
    -- Payments: another app's checkout, one whose session is not here, or one that nothing could be given for.
    select p.*, why.reason, why.next_step
      from payments.payment_history p
      left join lateral (
        select s.id, s.metadata ->> 'order_id' as order_id, s.stripe_checkout_session_id
          from payments.checkout_sessions s
         where s.environment = p.environment and s.stripe_checkout_session_id = p.stripe_checkout_session_id
        union all
        select s.id, s.metadata ->> 'order_id', s.stripe_checkout_session_id
          from payments.checkout_sessions s
         where s.environment = p.environment and s.stripe_payment_intent_id = p.stripe_payment_intent_id
        limit 1) s on true
      left join lateral (
        select string_agg(distinct f.reason, '; ') filter (where f.state in ('needs_review', 'failed')) as open,
               string_agg(distinct f.reason, '; ') filter (where f.state = 'skipped') as skipped
          from payments.fulfillments f
         where f.environment = p.environment
           and f.source = any (array['checkout:' || s.id, 'session:' || p.stripe_checkout_session_id])) f on true
     cross join lateral (
        select case
                 when f.open is not null then f.open
                 when s.id is null and p.by_backend then 'another backend wrote this payment, and no checkout session of it is here'
                 when s.id is null and p.stripe_checkout_session_id is not null
                   then 'its checkout session was not made here: a payment link, a pricing table or another app made it'
                 when s.id is null and p.stripe_invoice_id is not null then 'it paid an invoice that no checkout session of ours made'
                 when s.id is null then 'no checkout session of it is here'
                 when not exists (select from payments.attachments) then 'no table of the app is attached, so nothing could be given'
                 when s.order_id is null and exists (select from payments.attachments a where a.kind = 'orders')
                   then 'its checkout session names no order (metadata.order_id)' || coalesce('; ' || f.skipped, '')
                 else coalesce(f.skipped, 'nothing was decided on it')
               end as reason,
               case
                 when f.open is not null then 'see payments.review: mend the cause, then call '
                 when s.id is null then 'give by hand what it is for, or refund it at Stripe; payments.create_checkout_session() makes checkouts that give'
                 when not exists (select from payments.attachments) then 'call payments.create_app_tables() or payments.attach(), then '
                 when s.order_id is null and exists (select from payments.attachments a where a.kind = 'orders')
                   then format('write the order''s id into metadata.order_id of the checkout session %s, or, where no order was made, '
                               'say what the price gives (payments.set_credit_benefit(), payments.set_entitlement_benefit()), then call ', s.id)
                 else 'say what the price gives (payments.set_credit_benefit(), payments.set_entitlement_benefit()), then call '
               end
               || case when s.id is not null then format('payments.retry_fulfillments(reference => %L)', coalesce(s.stripe_checkout_session_id, s.id::text))
                       when f.open is not null then 'payments.retry_fulfillments()' else '' end as next_step) why
     where p.type = 'one_time_payment' and p.status in ('succeeded', 'partially_refunded')
       and not (p.amount > 0 and coalesce(p.amount_refunded, 0) + coalesce(p.amount_lost, 0) >= p.amount)
       -- Two questions instead of one with OR: each is one pass through the tables, however many payments there are.
       and not exists (
         select from payments.checkout_sessions s
           join payments.fulfillments f on f.source = 'checkout:' || s.id and f.environment = s.environment
          where s.environment = p.environment and s.stripe_checkout_session_id = p.stripe_checkout_session_id
            and f.kind <> 'fulfillment_jobs' and f.state in ('applied', 'reversed'))
       and not exists (
         select from payments.checkout_sessions s
           join payments.fulfillments f on f.source = 'checkout:' || s.id and f.environment = s.environment
          where s.environment = p.environment and s.stripe_payment_intent_id = p.stripe_payment_intent_id
            and f.kind <> 'fulfillment_jobs' and f.state in ('applied', 'reversed'))
    union all
    -- Money that nothing claims: a payment intent or a charge that succeeded, of which an hour later (by Stripe's clock)
    -- neither a session nor an invoice speaks. It has no row in payment_history, and so no id.
    select r.*, why.reason, why.next_step
      from (
        select distinct o.environment, f.group_id
          from (
            -- These ranges are read from the primary key alone.
            select i.environment, i.object_id from payments.facts i
             where i.object_id >= 'pi_' and i.object_id < 'pi`'
               and not exists (select from payments.payment_history p
                                where p.stripe_payment_intent_id = i.object_id and p.environment = i.environment and p.type <> 'refund')
            union all
            select c.environment, c.object_id from payments.facts c
             where (c.object_id >= 'ch_' and c.object_id < 'ch`' or c.object_id >= 'py_' and c.object_id < 'py`')
               and not exists (select from payments.payment_history p
                                where p.stripe_charge_id = c.object_id and p.environment = c.environment
                                  and p.type = any ('{one_time_payment,subscription_invoice,failed_payment}'))
            offset 0) o
         cross join lateral (
            -- LIMIT lets each be looked up by itself.
            select s.group_id from payments.facts s
             where s.object_id = o.object_id and s.environment = o.environment and s.statement #>> '{fact,state}' = 'succeeded'
             limit 1) f
         where f.group_id is not null) g
     cross join lateral (
        -- Each object once, as its newest snapshot has it.
        select min(n.at) filter (where n.state = 'succeeded') as paid_at, min(n.created) as created,
               coalesce(sum(n.received) filter (where n.kind = 'payment_intent' and n.state = 'succeeded'),
                        sum(n.charged) filter (where n.kind = 'charge' and n.state = 'succeeded')) as amount,
               greatest(sum(n.amount) filter (where n.kind = 'refund' and n.state = 'succeeded'),
                        sum(n.refunded) filter (where n.kind = 'charge')) as refunded,
               sum(n.amount) filter (where n.kind = 'dispute' and (n.status = 'lost' or n.status like 'appeal\_%')) as lost,
               min(n.currency) filter (where n.state = 'succeeded') as currency, min(n.customer) as customer, min(n.email) as email,
               min(n.description) as description,
               min(n.object_id) filter (where n.kind = 'payment_intent' and n.state = 'succeeded') as intent,
               min(n.object_id) filter (where n.kind = 'charge' and n.state = 'succeeded') as charge,
               min(n.intent) as named_intent, min(n.order_id) as order_id
          from (
            select distinct on (f.object_id) f.object_id, f.object_type as kind, f.statement #>> '{fact,state}' as state,
                   f.statement #>> '{fact,status}' as status, (f.statement #>> '{fact,amount}')::bigint as amount,
                   (f.statement #>> '{fact,amount_received}')::bigint as received,
                   coalesce(f.statement #>> '{fact,amount_captured}', f.statement #>> '{fact,amount}')::bigint as charged,
                   (f.statement #>> '{fact,amount_refunded}')::bigint as refunded, f.statement #>> '{fact,currency}' as currency,
                   f.stripe_customer_id as customer, f.statement #>> '{fact,email}' as email,
                   f.statement #>> '{fact,description}' as description, f.statement #>> '{fact,payment_intent}' as intent,
                   (f.statement #>> '{fact,created}')::bigint as created,
                   case f.object_type when 'charge' then (f.statement #>> '{fact,created}')::bigint
                        else min((f.statement ->> 'created')::bigint) over (partition by f.object_id) end as at,
                   e.payload #>> '{data,object,metadata,order_id}' as order_id
              from payments.facts f
              left join payments.webhook_events e on e.stripe_event_id = f.event_id collate "default" and e.environment = f.environment
             where f.group_id = g.group_id and f.environment = g.environment
             order by f.object_id, f.statement #>> '{fact,state}' = 'succeeded' desc, (f.statement ->> 'created')::bigint desc, f.event_id desc) n
       ) m
      left join payments.stripe_customer_mappings c on c.stripe_customer_id = m.customer collate "default" and c.environment = g.environment
      left join lateral (
        -- A paid invoice of the same customer and amount within a day, of which nothing says what paid it.
        select i.object_id as id
          from payments.facts i
         where i.stripe_customer_id = m.customer and i.environment = g.environment and i.object_type = 'invoice'
           and i.statement #>> '{fact,state}' = 'succeeded' and i.statement #>> '{fact,currency}' = m.currency
           and (i.statement #>> '{fact,amount_paid}')::bigint = m.amount
           and abs(coalesce((i.statement #>> '{fact,paid_at}')::bigint, (i.statement ->> 'created')::bigint) - m.paid_at) <= 86400
           and not exists (select from payments.facts o
                            where o.group_id = i.group_id and o.environment = i.environment
                              and o.object_type in ('invoice_payment', 'payment_intent', 'charge'))
         order by i.object_id
         limit 1) i on true
     cross join lateral jsonb_populate_record(null::payments.payment_history, jsonb_build_object(
        'environment', g.environment, 'type', 'unclaimed', 'subject_type', c.subject_type, 'subject_id', c.subject_id,
        'status', case when m.refunded > 0 then 'partially_refunded' else 'succeeded' end, 'by_backend', false,
        'stripe_customer_id', m.customer, 'customer_email_snapshot', m.email, 'stripe_payment_intent_id', coalesce(m.intent, m.named_intent),
        'stripe_charge_id', m.charge, 'amount', m.amount, 'amount_refunded', coalesce(m.refunded, 0), 'amount_lost', m.lost,
        'lost_in_other_currency', false, 'currency', m.currency, 'description', m.description, 'paid_at', to_timestamp(m.paid_at),
        'stripe_created_at', to_timestamp(m.created), 'raw', jsonb_build_object(),
        'created_at', to_timestamp(m.paid_at), 'updated_at', to_timestamp(m.paid_at))) r
     cross join lateral (
        select case
                 when i.id is not null
                   then format('it is probably what paid the invoice %s: the customer, the amount and the day are the same, and no invoice_payment.paid was received', i.id)
                 when m.order_id is not null
                   -- As payments.visible() does it, which a view may not call.
                   then format('neither a checkout session nor an invoice speaks of it, though its metadata names the order %s',
                               regexp_replace(m.order_id, '[\u0001-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]', '�', 'g'))
                 else 'neither a checkout session nor an invoice speaks of it, and its metadata names no order'
               end as reason,
               case
                 when i.id is not null
                   then 'add invoice_payment.paid to the events of the webhook endpoint, and backfill the invoice''s payments with payments.sync_stripe_objects()'
                 when m.order_id is not null
                   then 'compare it with the order, then give by hand or refund it at Stripe: only a checkout session pays an order'
                 else 'find out at Stripe what it is for, then give by hand or refund it there'
               end as next_step) why
     where m.amount > coalesce(m.refunded, 0) + coalesce(m.lost, 0)
       and m.paid_at < extract(epoch from now()) - 3600
       -- Asked of each group by itself. The ids of facts have another collation than the indexes that look them up.
       and (
         select true from payments.facts f
          cross join lateral (select u collate "default" from unnest(f.keys) as u) as k (key)
          cross join lateral (
            (select from payments.payment_history p
              where p.environment = f.environment and p.type <> 'refund' and p.stripe_payment_intent_id = k.key limit 1)
            union all
            (select from payments.payment_history p
              where p.environment = f.environment and p.type <> 'refund' and p.stripe_checkout_session_id = k.key limit 1)
            union all
            (select from payments.payment_history p
              where p.environment = f.environment and p.type <> 'refund' and p.stripe_invoice_id = k.key limit 1)
            union all
            (select from payments.payment_history p
              where p.environment = f.environment and p.stripe_charge_id = k.key and p.type <> 'refund' and p.type <> 'dispute'
                and (p.by_backend or (p.stripe_payment_intent_id is null and p.stripe_checkout_session_id is null and p.stripe_invoice_id is null))
              limit 1)) p
          where f.group_id = g.group_id and f.environment = g.environment
          limit 1) is null;
  end if;
end
$install$;

select payments.make_review_views();

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   fulfillment

set local search_path = pg_catalog, pg_temp;

-- What buying a price (or any price of a product) gives. Only an admin may say so.

-- Whether a reference is a product's, or else a price's; null where it is neither. Stripe lets an app choose the ids of its
-- products, and once those of its plans: what does not begin as Stripe's own ids do is looked up.
create function payments.is_product(environment text, reference text) returns boolean
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select case
    when $2 ~ '^(price|plan)_[^[:space:]]+$' then false
    when $2 ~ '^prod_[^[:space:]]+$' then true
    when exists (select from payments.prices p where p.environment = $1 and p.stripe_price_id = $2) then false
    when exists (select from payments.products p where p.environment = $1 and p.stripe_product_id = $2) then true
  end
$$;

-- What one of a price costs, in the currency's smallest unit, whether it gives credits, and whether a trial of it gives them too (Gives of
-- core/src/session/free.rs). A price's own benefit takes precedence over its product's; product is its product where the catalog does not
-- know it.
create function payments.price_gives(environment text, price text, product text default null) returns json
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select json_build_object('unit', p.unit, 'credits', b.trials is not null, 'in_trials', coalesce(b.trials, false))
    from (select 1) one
    left join lateral (
      select o.stripe_product_id, coalesce(o.unit_amount_decimal, o.unit_amount::text) as unit
        from payments.prices o where o.stripe_price_id = $2 and o.environment = $1) p on true
    left join lateral (
      select g.trials
        from payments.benefits g
       where g.environment = $1 and g.key is null
         and coalesce(g.stripe_price_id, g.stripe_product_id) = any (array[$2, coalesce(p.stripe_product_id, $3)])
       order by g.stripe_price_id is null
       limit 1) b on true
$$;

-- One benefit, set or changed; what was bought before keeps what it was promised.
create function payments.set_benefit(environment text, reference text, credits_per_unit bigint, key text, duration interval,
                                     past_due boolean, paused boolean, until_period_end boolean default false,
                                     every interval default null, trials boolean default false) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  is_product boolean := payments.is_product(environment, reference);
  wrong text := case
    when environment is null or environment not in ('test', 'live') then format('environment %s', coalesce(environment, 'NULL'))
    when is_product is null then format('price or product %s', coalesce(reference, 'NULL'))
    when key is null and coalesce(credits_per_unit, 0) <= 0 then format('%s credits', coalesce(credits_per_unit::text, 'NULL'))
    when key = '' then 'an empty key'
    when duration <= interval '0' then format('duration %s', duration)
    when every < interval '1 hour' then format('parts of %s', every)
  end;
begin
  if wrong is not null then
    raise exception 'such a benefit cannot be set' using errcode = 'invalid_parameter_value',
      detail = payments.without_secrets(format('Given: %s.', wrong)),
      hint = 'Name environment test or live, a price_… or prod_… id or another that the catalog knows there, and credits above zero or an entitlement''s key.';
  end if;
  insert into payments.benefits as b (environment, stripe_price_id, stripe_product_id, credits_per_unit, key, duration, past_due, paused,
                                     until_period_end, every, trials)
  values (set_benefit.environment, case when not is_product then reference end, case when is_product then reference end,
          set_benefit.credits_per_unit, set_benefit.key, set_benefit.duration, coalesce(set_benefit.past_due, false),
          coalesce(set_benefit.paused, true), coalesce(set_benefit.until_period_end, false), set_benefit.every,
          coalesce(set_benefit.trials, false))
  on conflict (environment, (coalesce(stripe_price_id, stripe_product_id)), (coalesce(key, ''))) do update
     set credits_per_unit = excluded.credits_per_unit, duration = excluded.duration, past_due = excluded.past_due,
         paused = excluded.paused, until_period_end = excluded.until_period_end, every = excluded.every,
         trials = excluded.trials, updated_at = now();
end
$$;

-- What of a credit benefit the catalog knows to be wrong: a price that is billed by usage, or one bought once with what only a period
-- has.
create function payments.refuse_credit_benefit(environment text, reference text, of_periods boolean) returns void
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  wrong record;
begin
  select p.stripe_price_id, p.type, p.raw -> 'recurring' ->> 'usage_type' as usage into wrong
    from payments.prices p
   where p.environment = $1 and (p.stripe_price_id = $2 or p.stripe_product_id = $2)
     and (p.raw -> 'recurring' ->> 'usage_type' = 'metered' or ($3 and p.type = 'one_time' and p.stripe_price_id = $2))
     and (p.stripe_price_id = $2 or not exists (
            select from payments.prices o where o.environment = $1 and o.stripe_product_id = $2
               and o.raw -> 'recurring' ->> 'usage_type' is distinct from 'metered'))
   order by p.stripe_price_id limit 1;
  if found then
    raise exception 'such a benefit cannot be set' using errcode = 'invalid_parameter_value',
      detail = case when wrong.usage = 'metered' then format('Price %s is billed by usage: nobody knows beforehand how much of it a period has.', wrong.stripe_price_id)
                    else format('Price %s is bought once: it has no period, parts or trial.', wrong.stripe_price_id) end,
      hint = case when wrong.usage = 'metered' then 'Name a price that is licensed.'
                  else 'Leave until_period_end, every and trials out; lasts says for how long credits can be spent.' end;
  end if;
end
$$;

/* Each unit of a price (price_…) or of any price of a product (prod_…, or its own id if the catalog knows it) gives so many credits: of a
   recurring price for every paid period, or, with every, for each part of it. They lapse after lasts, or with their period or part where
   until_period_end; else they stay. A trial gives them only with trials. Set again, it counts for what is bought from then on. Raises
   22023, for a price that is billed by usage too. */
create function payments.set_credit_benefit(environment text, price_or_product text, credits bigint, lasts interval default null,
                                            until_period_end boolean default false, every interval default null,
                                            trials boolean default false) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.set_credit_benefit_body(environment text, price_or_product text, credits bigint, lasts interval,
                                            until_period_end boolean, every interval, trials boolean) returns void
  language sql set search_path = pg_catalog, pg_temp
as $$
  select payments.refuse_credit_benefit($1, $2, coalesce($5, false) or $6 is not null or coalesce($7, false));
  select payments.set_benefit($1, $2, $3, null, $4, false, true, $5, $6, $7)
$$;

/* Buying a price or product, or subscribing to it, gives an entitlement: for a duration per unit from the time it was paid,
   or for good; bought again, the durations add up. Of a subscription for as long as it grants access, while it is past due too if
   past_due, and while its collection is paused unless paused is false. Raises 22023. */
create function payments.set_entitlement_benefit(environment text, price_or_product text, key text,
                                                 duration interval default null, past_due boolean default false,
                                                 paused boolean default true) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.set_entitlement_benefit_body(environment text, price_or_product text, key text,
                                                 duration interval, past_due boolean, paused boolean) returns void
  language sql set search_path = pg_catalog, pg_temp
as $$ select payments.set_benefit($1, $2, null, coalesce($3, ''), $4, $5, $6) $$;

/* Buying it gives this no longer (without a key: its credits). What was bought before stays. Returns whether there was such
   a benefit. Raises 22023 (the environment). */
create function payments.remove_benefit(environment text, price_or_product text, key text default null) returns boolean
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.remove_benefit_body(environment text, price_or_product text, key text) returns boolean
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.check_environment(environment);
  delete from payments.benefits b
   where b.environment = remove_benefit_body.environment
     and coalesce(b.stripe_price_id, b.stripe_product_id) = price_or_product
     and coalesce(b.key, '') = coalesce(remove_benefit_body.key, '');
  return found;
end
$$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   fulfillment
--   requests

set local search_path = pg_catalog, pg_temp;

-- What must be fetched from Stripe because a purchase waits for it.

create type payments.stripe_read as (environment text, path text, params jsonb, reason text);

-- After so many tries a person is asked: the purchase stands in payments.review all the time.
create function payments.most_reads() returns integer
  language sql immutable set search_path = pg_catalog, pg_temp
as $$ select 8 $$;

-- What purchases wait for. Each says in payments.fulfillments what it is: Stripe's line items of a session, or the lines of an invoice.
create function payments.awaited_reads() returns setof payments.stripe_read
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select distinct on (f.environment, w.path) f.environment, w.path, jsonb_build_object('limit', 100), f.reason
    from payments.fulfillments f
    left join payments.checkout_sessions s
      on s.id = case when f.source ~ '^checkout:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then substr(f.source, 10)::uuid end
   cross join lateral (
     select case
              when starts_with(f.item, 'lines:in_') then format('/v1/invoices/%s/lines', substr(f.item, 7))
              when f.item = 'line_items' and f.reason ~ '/v1/invoices/in_[0-9A-Za-z_]+/lines'
                then substring(f.reason from '/v1/invoices/in_[0-9A-Za-z_]+/lines')
              when f.item = 'line_items'
                then format('/v1/checkout/sessions/%s/line_items',
                            coalesce(s.stripe_checkout_session_id, case when f.source like 'session:%' then substr(f.source, 9) end))
            end as path) w
   where f.environment = any ('{test,live}') and f.state = 'needs_review'
     and (f.item = 'line_items' or starts_with(f.item, 'lines:in_'))
     and w.path is not null and w.path !~ '//'
   order by f.environment, w.path, f.updated_at
$$;

/* Takes up to n objects that are to be fetched from Stripe with GET because a purchase waits for them, for this worker alone: the line
   items of a completed session, the lines of an invoice of which the event had a part. All pages of one together, as one list with its url, are passed
   to sync_stripe_objects(). What is not there after the lease is claimed again, later and later; after 8 tries only a person is asked, in payments.review.

   Raises 22023 (n or lease). */
create function payments.claim_stripe_reads(n integer default 10, lease interval default '5 minutes')
  returns setof payments.stripe_read
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.claim_stripe_reads_body(n integer, lease interval) returns setof payments.stripe_read
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  awaited payments.stripe_read;
  given integer := 0;
begin
  perform payments.check_lease(n, lease);
  for awaited in
    select a.*
      from payments.awaited_reads() a
      left join payments.read_leases l on l.path = a.path and l.environment = a.environment
     where l.due_at is null or (l.due_at <= clock_timestamp() and l.attempt < payments.most_reads())
     order by coalesce(l.due_at, '-infinity'), a.path
  loop
    exit when given >= n;
    -- As with requests: the lease's own row decides. Each try waits twice as long as the one before.
    insert into payments.read_leases as l (environment, path, attempt, due_at)
    values (awaited.environment, awaited.path, 1, clock_timestamp() + lease)
    on conflict on constraint read_leases_pkey do update
       set attempt = l.attempt + 1, due_at = clock_timestamp() + lease * (2 ^ least(l.attempt, 10))
     where l.due_at <= clock_timestamp() and l.attempt < payments.most_reads();
    if found then
      given := given + 1;
      return next awaited;
    end if;
  end loop;
  delete from payments.read_leases l
   where l.due_at < clock_timestamp()
     and not exists (select from payments.awaited_reads() a where a.path = l.path and a.environment = l.environment);
end
$$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   fulfillment
--   subjects

set local search_path = pg_catalog, pg_temp;

-- Which of the app's tables the projection writes to, and the triggers that do it.

-- What each kind of table needs: column, whether it must be there, and the types it may have.
create function payments.attachable_columns(kind text)
  returns table (name text, required boolean, types text[])
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select c.name, c.required, c.types
    from (values
      ('orders', 'id', true, '{uuid,bigint,integer,smallint,text,character varying}'::text[]),
      ('orders', 'status', true, '{text,character varying,enum}'),
      ('orders', 'amount', false, '{bigint,integer,smallint}'),
      ('orders', 'currency', false, '{text,character varying,character,enum}'),
      ('orders', 'environment', false, '{text,character varying,enum}'),
      ('orders', 'user_id', false, '{uuid,bigint,integer,text,character varying}'),
      ('orders', 'subject_type', false, '{text,character varying,enum}'),
      ('orders', 'subject_id', false, '{uuid,bigint,integer,text,character varying}'),
      ('orders', 'line_items', false, '{jsonb,json}'),
      ('orders', 'amount_refunded', false, '{bigint}'),
      ('orders', 'stripe_checkout_session_id', false, '{text,character varying}'),
      ('orders', 'stripe_payment_intent_id', false, '{text,character varying}'),
      ('orders', 'paid_at', false, '{timestamp with time zone}'),
      ('orders', 'updated_at', false, '{timestamp with time zone}'),
      ('credit_ledger', 'id', true, '{bigint,integer,uuid,text}'),
      ('credit_ledger', 'subject_type', true, '{text,character varying,enum}'),
      ('credit_ledger', 'subject_id', true, '{uuid,bigint,integer,text,character varying}'),
      ('credit_ledger', 'delta', true, '{bigint}'),
      ('credit_ledger', 'balance_after', true, '{bigint}'),
      ('credit_ledger', 'reason', true, '{text,character varying,enum}'),
      ('credit_ledger', 'source', true, '{text,character varying}'),
      ('credit_ledger', 'note', false, '{text}'),
      ('credit_ledger', 'expires_at', false, '{timestamp with time zone}'),
      ('credit_ledger', 'created_at', false, '{timestamp with time zone}'),
      ('user_entitlements', 'user_id', true, '{uuid,bigint,integer,text,character varying}'),
      ('user_entitlements', 'key', true, '{text,character varying,enum}'),
      ('user_entitlements', 'source', true, '{text,character varying}'),
      ('user_entitlements', 'active', true, '{boolean}'),
      ('user_entitlements', 'expires_at', true, '{timestamp with time zone}'),
      ('user_entitlements', 'starts_at', false, '{timestamp with time zone}'),
      ('user_entitlements', 'subject_type', false, '{text,character varying,enum}'),
      ('user_entitlements', 'subject_id', false, '{uuid,bigint,integer,text,character varying}'),
      ('user_entitlements', 'updated_at', false, '{timestamp with time zone}'),
      ('billing_status', 'team_id', true, '{uuid,bigint,integer,text,character varying}'),
      ('billing_status', 'stripe_subscription_id', true, '{text,character varying}'),
      ('billing_status', 'status', true, '{text,character varying,enum}'),
      ('billing_status', 'current_period_end', true, '{timestamp with time zone}'),
      ('billing_status', 'cancel_at', false, '{timestamp with time zone}'),
      ('billing_status', 'cancel_at_period_end', false, '{boolean}'),
      ('billing_status', 'access_until', false, '{timestamp with time zone}'),
      ('billing_status', 'environment', false, '{text,character varying,enum}'),
      ('billing_status', 'updated_at', false, '{timestamp with time zone}'),
      ('fulfillment_jobs', 'id', true, '{uuid,bigint,text}'),
      ('fulfillment_jobs', 'kind', true, '{text,character varying}'),
      ('fulfillment_jobs', 'source', true, '{text,character varying}'),
      ('fulfillment_jobs', 'payload', true, '{jsonb}'),
      ('fulfillment_jobs', 'state', true, '{text,character varying}'),
      ('fulfillment_jobs', 'attempts', true, '{integer,bigint}'),
      ('fulfillment_jobs', 'run_at', true, '{timestamp with time zone}'),
      ('fulfillment_jobs', 'last_error', true, '{text}'),
      ('fulfillment_jobs', 'updated_at', false, '{timestamp with time zone}')
    ) as c(kind, name, required, types)
   where c.kind = attachable_columns.kind
$$;

-- The type below a domain, or the type itself.
create function payments.base_type(type oid) returns oid
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with recursive below(oid, base) as (
    select t.oid, t.typbasetype from pg_type t where t.oid = $1
    union all
    select t.oid, t.typbasetype from below b join pg_type t on t.oid = b.base
  )
  select b.oid from below b where b.base = 0
$$;

-- Whether we write a column of a kind; its other columns are only read.
create function payments.writes_column(kind text, name text) returns boolean
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select $2 <> 'id' and not ($1 = 'credit_ledger' and $2 = 'created_at')
     and not ($1 = 'orders' and $2 in ('amount', 'currency', 'environment', 'user_id', 'subject_type', 'subject_id', 'line_items'))
$$;

-- The words that we write into a column, where that is an enum of the app's.
create function payments.required_enum_labels(kind text, name text) returns text[]
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select case $1 || '.' || $2
    when 'orders.status' then '{pending,paid,refunded}'::text[]
    when 'credit_ledger.reason' then '{purchase,refund,dispute,spend,adjustment,expiry}'
    when 'billing_status.status' then
      '{incomplete,incomplete_expired,trialing,active,past_due,canceled,unpaid,paused}'
    when 'billing_status.environment' then '{test,live}'
    else '{}' end
$$;

-- The columns of a kind as a table has them: under the names we know, with the app's names and types.
create function payments.resolved_columns(kind text, target regclass, columns jsonb)
  returns table (name text, column_name text, required boolean, named boolean, types text[], attnum smallint,
                 base oid, type text, full_type text, generated boolean)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with wanted as (
    select n.name, n.required, n.types,
           case when columns ? n.name then columns ->> n.name else n.name end as column_name,
           columns ? n.name and columns ->> n.name is not null as named
      from payments.attachable_columns(kind) n
  )
  select w.name, w.column_name, w.required, w.named, w.types, a.attnum, t.oid,
         case when t.typtype = 'e' then 'enum' else format_type(t.oid, null) end,
         format_type(a.atttypid, a.atttypmod), a.attgenerated <> ''
    from wanted w
    left join pg_attribute a on a.attrelid = target and a.attname = w.column_name and a.attnum > 0 and not a.attisdropped
    left join pg_type t on t.oid = payments.base_type(a.atttypid)
$$;

-- What stands against writing to a table, beside columns that are missing: one line for each thing.
create function payments.attachment_errors(kind text, target regclass, columns jsonb) returns setof text
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with there as (
    select * from payments.resolved_columns(kind, target, columns) c where c.attnum is not null
  )
  select format('Temporary: %s is gone when its session ends.', target)
    from pg_class c where c.oid = target and c.relpersistence = 't'
  union all
  select format('Generated, and so not to be written: %s.', string_agg(t.column_name, ', ' order by t.column_name))
    from there t where t.generated and payments.writes_column(kind, t.name) having count(*) > 0
  union all
  select format('%s lacks %s.', t.column_name, string_agg(w.word, ', ' order by w.word))
    from there t cross join lateral unnest(payments.required_enum_labels(kind, t.name)) as w(word)
   where t.type = 'enum' and not exists (select from pg_enum e where e.enumtypid = t.base and e.enumlabel = w.word)
   group by t.column_name
  union all
  select format('Not null and without a default, though nothing is written there: %s.', string_agg(a.attname, ', ' order by a.attname))
    from pg_attribute a
   where a.attrelid = target and a.attnum > 0 and not a.attisdropped and kind <> 'orders'
     and a.attnotnull and not a.atthasdef and a.attidentity = ''
     and not exists (select from there t where t.attnum = a.attnum and payments.writes_column(kind, t.name))
  having count(*) > 0
  union all
  select format('No unique index on %s that is valid and not deferrable, so that one payment grants once.', t.column_name)
    from there t
   where kind = 'credit_ledger' and t.name = 'source'
     and not exists (select from pg_index i
                      where i.indrelid = target and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null
                        and i.indnkeyatts = 1 and i.indkey[0] = t.attnum)
$$;

/* The app's columns under the names we know, with the types below their domains: {"id": {"column": "ref", "type":
   "bigint"}, …}. A type has no length there, so that a text that is too long raises instead of being cut. Raises, naming
   everything at once: 42703 (a column is missing, of the wrong type or not known to this kind), 42P16 (the table can't be
   written as it must be). */
create function payments.checked_columns(kind text, target regclass, columns jsonb) returns jsonb
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  missing text;
  wrong text;
  unknown text;
  absent text;
  against text;
  known jsonb;
begin
  select string_agg(k, ', ' order by k) into unknown
    from jsonb_object_keys(columns) k
   where k not in ('for', 'allow_superuser_owner')
     and k not in (select n.name from payments.attachable_columns(kind) n);
  select string_agg(format(case when name = column_name then '%s' else '%s (as %s)' end, name, column_name), ', ' order by name)
           filter (where attnum is null and (required or named)),
         string_agg(format('%s is %s, not %s', column_name, full_type, array_to_string(types, ' or ')), '; ' order by name)
           filter (where attnum is not null and not type = any (types)),
         string_agg(name, ', ' order by name) filter (where attnum is null and not required and not named),
         jsonb_object_agg(name, jsonb_build_object('column', quote_ident(column_name), 'type', format_type(base, -1)))
           filter (where attnum is not null)
    into missing, wrong, absent, known
    from payments.resolved_columns(kind, target, columns);
  select string_agg(u, E'\n') into against from payments.attachment_errors(kind, target, columns) u;

  if missing is not null or wrong is not null or unknown is not null or against is not null then
    raise exception 'table % lacks what % needs', target, kind
      using errcode = case when coalesce(missing, wrong, unknown) is null then 'invalid_table_definition' else 'undefined_column' end,
            detail = concat_ws(E'\n', 'Missing: ' || missing || '.', 'Of the wrong type: ' || wrong || '.',
                               'Not known here: ' || unknown || '.', against,
                               'Not there either, and so not used: ' || absent || '.'),
            hint = 'Change the table, or name its columns in the third argument: {"amount": "total_cents"}.';
  end if;
  return known;
end
$$;

-- Whether a column's values grow with every row: its sequence hands them out one by one and upwards.
create function payments.is_serial_column(target regclass, column_name text) returns boolean
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from pg_attribute a
      join pg_depend d on d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
                      and d.refobjid = a.attrelid and d.refobjsubid = a.attnum and d.deptype in ('a', 'i')
      join pg_sequence s on s.seqrelid = d.objid and s.seqcache = 1 and s.seqincrement > 0 and not s.seqcycle
     where a.attrelid = $1 and quote_ident(a.attname) = $2 and a.attnum > 0 and not a.attisdropped
       and (a.attidentity <> ''
            or exists (select from pg_attrdef f
                         join pg_depend o on o.classid = 'pg_attrdef'::regclass and o.objid = f.oid and o.refobjid = d.objid
                        where f.adrelid = a.attrelid and f.adnum = a.attnum)))
$$;

-- Which triggers on our own tables serve a kind: one for each event, whichever kinds are attached. They are called once for each
-- statement, after all triggers for each row; the rows are in transition tables.
create function payments.projection_triggers(kind text) returns table (name text, relation text, definition text)
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  with statement_trigger (name, event, rows) as (values
    ('inserted', 'insert', 'referencing new table as inserted'),
    ('updated', 'update', 'referencing old table as before new table as after'),
    ('deleted', 'delete', 'referencing old table as deleted'))
  select format('%s_%s', w.function, t.name), w.relation,
         format('after %s on payments.%I %s for each statement execute function payments.%I()', t.event, w.relation, t.rows, w.function)
    from (values
      ('{orders,credit_ledger,user_entitlements,billing_status,fulfillment_jobs}'::text[], 'project_payments', 'payment_history', '{insert,update}'::text[]),
      ('{orders,credit_ledger,user_entitlements,billing_status,fulfillment_jobs}', 'project_subscriptions', 'subscriptions', '{insert,update,delete}'),
      ('{orders,credit_ledger,user_entitlements,billing_status,fulfillment_jobs}', 'project_subscriptions', 'subscription_items', '{insert,update,delete}'),
      ('{fulfillment_jobs}', 'project_fulfillment_job', 'notices', '{insert,update,delete}')
    ) as w(kinds, function, relation, events)
    join statement_trigger t on t.event = any (w.events)
   where $1 = any (w.kinds)
  union all
  select w.function, w.relation, format('after %s on payments.%I for each row execute function payments.%I()', w.events, w.relation, w.function)
    from (values
      ('{orders,credit_ledger,user_entitlements,fulfillment_jobs}'::text[], 'project_late_session', 'checkout_sessions', 'insert or update'),
      ('{orders,credit_ledger,user_entitlements}', 'project_late_price', 'prices', 'insert or update')
    ) as w(kinds, function, relation, events)
   where $1 = any (w.kinds)
$$;

-- What makes the triggers of a kind on our own tables where they are missing. They go with the extension, whose tables stay; the
-- install script makes them again for every attachment it finds. src/fulfillment/triggers.rs runs it as the tables' owner.
create function payments.missing_projection_triggers(kind text) returns setof text
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select made.ddl
    from payments.projection_triggers($1) w
   cross join lateral (values
     (1, format('create trigger %I %s', w.name, w.definition)),
     (2, format('alter trigger %I on payments.%I depends on extension payments', w.name, w.relation))) as made (place, ddl)
   where not exists (select from pg_trigger t
                      where t.tgrelid = format('payments.%I', w.relation)::regclass and t.tgname = w.name)
   order by w.relation, w.name, made.place
$$;

-- What drops those of a kind that no attached table needs any more.
create function payments.unneeded_projection_triggers(kind text) returns setof text
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select format('drop trigger if exists %I on payments.%I', w.name, w.relation)
    from payments.projection_triggers($1) w
   where not exists (select from payments_registry.attachments a cross join lateral payments.projection_triggers(a.kind) o
                      where o.name = w.name and o.relation = w.relation)
   order by w.relation, w.name
$$;

-- What was given is known by the table's name: what stands under one is put under another. As the definer, as whom triggers of an app run.
create function payments.move_fulfillments(kind text, old_name text, new_name text) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.move_fulfillments_body(kind text, old_name text, new_name text) returns void
  language sql set search_path = pg_catalog, pg_temp
as $$
  update payments.fulfillments f set target_table = $3 where f.kind = $1 and f.target_table = $2;
  update payments.credit_lots l set target_table = $3 where $1 = 'credit_ledger' and l.target_table = $2;
  update payments.credit_holders h set target_table = $3 where $1 = 'credit_ledger' and h.target_table = $2;
  update payments.credit_schedules s set target_table = $3 where $1 = 'credit_ledger' and s.target_table = $2;
$$;

create function payments.rename_target(kind text, old_name text, new_name text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.move_fulfillments(kind, old_name, new_name);
  update payments_registry.attachments a set relation = new_name, updated_at = now() where a.kind = rename_target.kind and a.relation = old_name;
end
$$;

-- A table is not attached any more: what waits for it waits for nothing.
create function payments.let_go(kind text, relation text) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.let_go_body(kind text, relation text) returns void
  language sql set search_path = pg_catalog, pg_temp
as $$
  update payments.fulfillments f
     set state = 'skipped', reason = concat_ws('; ', 'the table was detached', f.reason), updated_at = now()
   where f.kind = $1 and f.target_table = $2 and f.state in ('needs_review', 'failed')
$$;

-- Tables that were renamed since they were attached are known by the names they have now, with all that was given to them.
-- What another one left under such a name, a table that is gone or not attached any more, is set aside.
create function payments.follow_renames(kind text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  renamed record;
begin
  loop
    select a.relation, format('%I.%I', n.nspname, c.relname) as name_now into renamed
      from payments_registry.attachments a join pg_class c on c.oid = a.target join pg_namespace n on n.oid = c.relnamespace
     where a.kind = follow_renames.kind and a.relation <> format('%I.%I', n.nspname, c.relname)
     order by exists (select from payments_registry.attachments o where o.kind = a.kind and o.relation = format('%I.%I', n.nspname, c.relname)),
              a.relation
     limit 1;
    exit when not found;
    delete from payments_registry.attachments a
     where a.kind = follow_renames.kind and a.relation = renamed.name_now and not exists (select from pg_class c where c.oid = a.target);
    if found then
      perform payments.let_go(kind, renamed.name_now);
    end if;
    perform payments.rename_target(kind, renamed.name_now, format('%s until %s', renamed.name_now, now()));
    perform payments.rename_target(kind, renamed.relation, renamed.name_now);
  end loop;
end
$$;

/* Puts the projection onto a table that the app already has.

   kind: orders, credit_ledger, user_entitlements, billing_status or fulfillment_jobs. columns: the app's names where they
   differ, e.g. {"id": "ref", "amount": "total_cents"}; null for a column that is not to be used. Two keys are options:
   "for" (billing_status: which type of subject, default team) and "allow_superuser_owner", which only a superuser says. Whoever
   calls must own the table.
   Run again, it checks the columns again and keeps the new names; a table that was renamed keeps what was given to it.

   Raises 22023 (kind), 42501 (not the owner; the owner is a superuser; no superuser said that he may be), 42809 (not a table), 42703 (columns), 42P16 (the
   table can't be written as it must be). Warns where an order has nothing to compare the money or the payer with. */
create function payments.attach(kind text, target regclass, columns jsonb default '{}') returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_named_registry';

create function payments.attach_body(kind text, target regclass, columns jsonb) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  caller constant text := payments.outer_role();
  relation record;
  known jsonb;
begin
  if kind is null or not exists (select from payments.attachable_columns(kind)) then
    raise exception 'there is no kind of table named %', coalesce(kind, 'NULL')
      using errcode = 'invalid_parameter_value',
            detail = format('Kind: %s.', coalesce(kind, 'NULL')),
            hint = 'Use orders, credit_ledger, user_entitlements, billing_status or fulfillment_jobs.';
  end if;
  if target is null or jsonb_typeof(coalesce(columns, '{}')) <> 'object' then
    raise exception 'attach needs a table and an object of column names'
      using errcode = 'invalid_parameter_value', detail = format('Table: %s, columns: %s.', target, columns),
            hint = 'Call payments.attach(''orders'', ''public.orders'', ''{"amount": "total_cents"}'').';
  end if;
  columns := coalesce(columns, '{}');
  select c.oid, c.relkind, c.relowner, n.nspname, c.relname, r.rolsuper, r.rolname into relation
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles r on r.oid = c.relowner
   where c.oid = target;
  if relation.relkind not in ('r', 'p', 'v') or not payments.is_schema_of_app(relation.nspname) then
    raise exception '% is not a table of the app', target
      using errcode = 'wrong_object_type', detail = format('It is a relation of kind %s in schema %s.', relation.relkind, relation.nspname),
            hint = 'Attach an ordinary table, partitioned table or view of your own.';
  end if;
  if not pg_has_role(caller, relation.relowner, 'USAGE') then
    raise exception 'you do not own table %', target
      using errcode = 'insufficient_privilege',
            detail = format('It belongs to %s; what is given is written with that role''s rights.', relation.rolname),
            hint = 'Let its owner call attach.';
  end if;
  known := payments.checked_columns(kind, target, columns);
  -- Remembered, it counts when the table changes hands later.
  if columns ->> 'allow_superuser_owner' = 'true'
     and (select r.rolsuper from pg_roles r where r.rolname = caller) is distinct from true then
    raise exception 'only a superuser may allow a superuser''s table'
      using errcode = 'insufficient_privilege',
            detail = format('%s is no superuser. The triggers, defaults and policies of %s would run as a superuser if one came to own it.',
                            caller, target),
            hint = 'Leave "allow_superuser_owner" out, or have a superuser call attach.';
  end if;
  if relation.rolsuper and columns ->> 'allow_superuser_owner' is distinct from 'true' then
    raise exception 'table % belongs to a superuser', target
      using errcode = 'insufficient_privilege',
            detail = format('Its triggers, defaults and policies would run as %s whenever something is given.', relation.rolname),
            hint = 'ALTER TABLE … OWNER TO a role of the app, or pass {"allow_superuser_owner": true} if nobody else can change the table.';
  end if;

  if kind = 'orders' and not (known ? 'amount' and known ? 'currency') then
    raise warning 'orders in % have no %, with which to compare what was paid', target,
      array_to_string(array(select c from unnest('{amount,currency}'::text[]) c where not known ? c), ' and no ')
      using detail = 'Any payment that names such an order pays it, if the rest fits.',
            hint = 'Add the columns, or name yours in the third argument, and attach the table again.';
  end if;

  if kind = 'orders' and not (known ? 'user_id' or known ? 'subject_id') then
    raise warning 'orders in % have no owner, with whom to compare who paid', target
      using detail = 'Whoever opens a checkout session may pay any order there, if the rest fits.',
            hint = 'Add user_id or subject_id, or name your column in the third argument, and attach the table again.';
  end if;

  perform payments.follow_renames(kind);
  insert into payments_registry.attachments as a (kind, relation, target, columns, subject_type, numbered, superuser_owner)
  values (kind, format('%I.%I', relation.nspname, relation.relname), target, known,
          case when kind = 'billing_status' then coalesce(columns ->> 'for', 'team') end,
          kind = 'credit_ledger' and payments.is_serial_column(target, known -> 'id' ->> 'column'),
          columns ->> 'allow_superuser_owner' is not distinct from 'true')
  on conflict on constraint attachments_pkey do update
     set target = excluded.target, columns = excluded.columns, subject_type = excluded.subject_type,
         numbered = excluded.numbered, superuser_owner = excluded.superuser_owner, updated_at = now();
  perform payments.make_projection_triggers(kind);
end
$$;

/* Takes the projection off a table; what was given stays as it is, and what failed or waits for a person is skipped. Whoever
   calls must own the table, or it is gone.
   Returns whether it was attached. Raises 42501. */
create function payments.detach(kind text, target regclass) returns boolean
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_named_registry';

create function payments.detach_body(kind text, target regclass) returns boolean
  language sql set search_path = pg_catalog, pg_temp
as $$ select payments.take_off($1, $2, payments.outer_role()) $$;

/* The same for a table that may be gone: by its name when it was attached, as payments.attachments has it. Raises 42501. */
create function payments.detach_by_name(kind text, relation text) returns boolean
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_named_registry';

create function payments.detach_by_name_body(kind text, relation text) returns boolean
  language sql set search_path = pg_catalog, pg_temp
as $$
  select payments.take_off($1, (select a.target from payments_registry.attachments a where a.kind = $1 and a.relation = $2), payments.outer_role())
$$;

create function payments.take_off(kind text, target regclass, caller name) returns boolean
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  detached text;
begin
  if exists (select from pg_class c where c.oid = target and not pg_has_role(caller, c.relowner, 'USAGE')) then
    raise exception 'you do not own table %', target
      using errcode = 'insufficient_privilege', detail = 'Only its owner can take the projection off it.',
            hint = 'Let its owner call detach.';
  end if;
  delete from payments_registry.attachments a where a.kind = take_off.kind and a.target = take_off.target returning a.relation into detached;
  perform payments.let_go(kind, detached);
  if not exists (select from payments_registry.attachments a where a.kind = take_off.kind) then
    perform payments.drop_projection_triggers(kind);
  end if;
  return detached is not null;
end
$$;

-- Whether the projection is on a table already; if so, its triggers are made again where they are missing.
create function payments.is_attached(kind text, target regclass) returns boolean
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.is_attached_body(kind text, target regclass) returns boolean
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from payments_registry.attachments a where a.kind = is_attached_body.kind and a.target = is_attached_body.target) then
    return false;
  end if;
  perform payments.make_projection_triggers(kind);
  return true;
end
$$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   identity
--   entrance::outer_role

set local search_path = pg_catalog, pg_temp;

-- Who may bill for what, and who may use what it bought: the registry of subject types. The look-up itself is in
-- src/session/subject.rs.

-- members is a regclass so that a renamed table is still found; pg_dump writes its name. What generates code from a schema
-- stumbles over that type, so the table is in payments_registry, and the view says the name. The predicate is text, since
-- pg_upgrade refuses a column of type regprocedure. owner: who owned the table or the predicate when it was registered, by name, as
-- a dump goes to servers where he has another number. said_by_superuser: that was a superuser, and a superuser registered it. The
-- same is known of the predicate for using. Other columns of names are text: what generates code from a schema reads no name.
do $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;
  if to_regclass('payments_registry.subject_types') is null then
    create table payments_registry.subject_types (
      subject_type text primary key,
      members regclass,
      subject_column text,
      user_column text,
      role_column text,
      roles text[],
      use_roles text[],
      predicate text,
      owner text not null,
      said_by_superuser boolean not null default false,
      use_predicate text,
      use_owner text,
      use_said_by_superuser boolean not null default false,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      check ((members is null) <> (predicate is null)),
      check (members is null or (subject_column is not null and user_column is not null)),
      check ((role_column is null) = (roles is null)),
      check (use_roles is null or roles is not null),
      check (use_predicate is null or predicate is not null),
      check ((use_predicate is null) = (use_owner is null))
    );
  end if;
end
$install$;

-- Makes the view where it is missing; see doctor_shape.sql.
create function payments.make_subject_types_view() returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;

  -- members is null where a predicate decides, and where the table is gone. The view reads with its reader's rights, so the policies
  -- of the table decide what he sees.
  if to_regclass('payments.subject_types') is null then
    create view payments.subject_types with (security_invoker = true) as
    select t.subject_type,
           (select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = t.members) as members,
           t.subject_column, t.user_column, t.role_column, t.roles, t.use_roles, t.predicate, t.owner, t.said_by_superuser,
           t.use_predicate, t.use_owner, t.use_said_by_superuser, t.created_at, t.updated_at
      from payments_registry.subject_types t;
  end if;
end
$install$;

select payments.make_subject_types_view();

-- The name of one of the policies that a subject type has on each session table.
create function payments.subject_policy(subject_type text, command text) returns name
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select format('subject_type_%s_%s', case when octet_length(subject_type) <= 40 then subject_type else md5(subject_type) end,
                command)::name
$$;

-- The statement that makes a policy of its parts. An expression that is null is left out.
create function payments.policy_ddl(relation text, name text, command text, roles text[], using_expression text, check_expression text) returns text
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select format('create policy %I on %s for %s to %s%s%s', name, relation, command,
                (select string_agg(quote_ident(r), ', ' order by place) from unnest(roles) with ordinality as u (r, place)),
                ' using (' || using_expression || ')', ' with check (' || check_expression || ')')
$$;

-- What drops the policies of a type, and what makes them. INSERT and SELECT in pairs: on conflict and returning need both. A
-- membership table is looked up once per query and hashed; a predicate is asked for each row of its type. An INSERT is judged by
-- the guard, whose stamp, which no caller can write, is the proof; its policy asks for that stamp, so that without the guard
-- nothing gets in. src/session/subject_type.rs runs them as the tables' owner.
create function payments.subject_policy_drops(subject_type text) returns setof text
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select format('drop policy %I on %s', p.polname, p.polrelid::regclass)
    from pg_policy p
   where p.polrelid in ('payments.checkout_sessions'::regclass, 'payments.customer_portal_sessions'::regclass,
                        'payments.subscription_requests'::regclass)
     and p.polname in (payments.subject_policy($1, 'select'), payments.subject_policy($1, 'insert'))
   order by p.polrelid, p.polname
$$;

-- The expressions are written as the server writes them, so that the doctor can compare.
create function payments.subject_policies(subject_type text, by_predicate boolean)
  returns table (relation text, name text, command text, roles text[], using_expression text, check_expression text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select t.relation, payments.subject_policy($1, made.command), made.command, array['public'], made.using_expression, made.check_expression
    from (values ('payments.checkout_sessions'), ('payments.customer_portal_sessions'), ('payments.subscription_requests')) as t (relation)
   cross join lateral (values
     ('select',
      format(case when $2 then '((subject_type = %1$L::text) AND payments.caller_owns(subject_type, subject_id))'
                  else '((subject_type = %1$L::text) AND (subject_id IN ( SELECT s.s FROM payments.caller_subjects(%1$L::text) s(s))))' end, $1),
      null),
     ('insert', null,
      format('((status = ''initialized''::text) AND (subject_type = %L::text) AND (created_by = ( SELECT payments.caller() AS caller)))', $1))
     ) as made (command, using_expression, check_expression)
   order by t.relation, made.command desc
$$;

create function payments.check_subject_type_name(subject_type text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.hide_secrets_from_log(array[subject_type]);
  if subject_type is null or btrim(subject_type) = '' or char_length(subject_type) > 255
     or subject_type <> payments.visible(subject_type) then
    raise exception 'subject type is not usable'
      using errcode = '22023',
            detail = payments.without_secrets(format('Subject type: %s.', coalesce(quote_literal(left(subject_type, 100)), 'null'))),
            hint = 'Pass the word that sessions use, for example ''team''.';
  end if;
  if subject_type = 'user' then
    raise exception 'subject type user is built in'
      using errcode = '22023', detail = 'A user may bill for himself, and for no other user.',
            hint = 'Register another type, for example ''account''.';
  end if;
end
$$;

-- Whether what is in a schema can be an app's own.
create function payments.is_schema_of_app(name text) returns boolean
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select name <> all ('{payments,payments_registry,payments_secret,pg_catalog,pg_toast,information_schema}')
$$;

-- The views that a relation reads through, itself included if it is one, and whether each asks with its reader's rights.
create function payments.views_read(relation oid) returns table (relation oid, asks_as_invoker boolean)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with recursive read (relation) as (
    select c.oid from pg_class c where c.oid = $1 and c.relkind = 'v'
    union
    select c.oid
      from read r
      join pg_rewrite w on w.ev_class = r.relation
      join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
      join pg_class c on c.oid = d.refobjid and c.relkind = 'v'
  )
  select r.relation,
         exists (select from pg_class c cross join lateral pg_options_to_table(c.reloptions) o
                  where c.oid = r.relation and o.option_name = 'security_invoker' and o.option_value::boolean)
    from read r
$$;

-- What a superuser owns would be run as that superuser for every caller: only a superuser may say that it is. Returns whether one has.
create function payments.superuser_says(what text, owner oid, caller name, alternative text) returns boolean
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
  if not (select r.rolsuper from pg_roles r where r.oid = owner) then
    return false;
  end if;
  if (select r.rolsuper from pg_roles r where r.rolname = caller) is distinct from true then
    raise exception '% belongs to a superuser', what
      using errcode = '42501',
            detail = format('It would run as %s whenever somebody asks; %s is no superuser, who alone could allow that.',
                            pg_get_userbyid(owner), caller),
            hint = alternative;
  end if;
  return true;
end
$$;

/* Says that a user may bill for a subject of this type if the membership table has a row of both; where role_column is given,
   only with one of the roles. Whoever has a row may use what the subject bought; where use_roles is given, only with one of them or
   of the roles that may bill. The key may be uuid, bigint, text or what else reads the same as text. The table keeps its own
   row security: the look-up runs as its owner, past its policies, so they may use my_subjects() themselves.

   Called by an admin who owns the table, or who may read all of it, as the look-up will read it for every caller. What a superuser
   owns is registered by a superuser alone, and is looked up only while that superuser owns it: what runs then, such as the functions
   in a view, runs as him. A view must not be security_invoker, nor read through one that is: that is asked with its reader's rights.
   A type that is registered already is registered anew. Raises 22023 (a name), 42501 (a table that the admin cannot read, or
   that a superuser owns), 42703 (no such column), 42809 (not a table or view, or a view with its reader's rights). */
create function payments.protect_subject_type(subject_type text, members regclass, subject_column name, user_column name,
                                              role_column name default null, roles text[] default null,
                                              use_roles text[] default null) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_named_registry';

create function payments.protect_subject_type_body(subject_type text, members regclass, subject_column name, user_column name,
                                              role_column name, roles text[], use_roles text[]) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  caller name := payments.outer_role();
  target record;
  wanted name;
  as_invoker text;
  said boolean;
begin
  perform payments.check_subject_type_name(subject_type);
  select c.oid, c.relkind, n.nspname, n.oid as schema, c.relowner, c.relrowsecurity into target
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.oid = members;
  if target.oid is null then
    raise exception 'membership table does not exist'
      using errcode = '42P01', detail = format('Table: %s.', coalesce(members::text, 'null')), hint = 'Pass the table''s name.';
  end if;
  if target.relkind not in ('r', 'p', 'v', 'm', 'f') then
    raise exception '% is not a table or view', members
      using errcode = '42809', detail = format('Its kind is %s.', target.relkind), hint = 'Pass a table or a view.';
  end if;
  if not payments.is_schema_of_app(target.nspname) then
    raise exception '% is not a membership table of the app', members
      using errcode = '42501', detail = format('It is in schema %s.', target.nspname), hint = 'Pass a table of the app''s own.';
  end if;
  if subject_column is null or user_column is null then
    raise exception 'subject_column and user_column must not be null'
      using errcode = '22023', detail = format('Columns: %s and %s.', coalesce(subject_column, 'null'), coalesce(user_column, 'null')),
            hint = 'Name the column of the subject''s id and the column of the user''s id.';
  end if;
  if (role_column is null) <> (roles is null) or cardinality(roles) = 0 or array_position(roles, null) is not null then
    raise exception 'role_column and roles go together'
      using errcode = '22023',
            detail = payments.without_secrets(format('Column %s, roles %s.', coalesce(role_column, 'null'), coalesce(roles::text, 'null'))),
            hint = 'Pass both, for example ''role'' and array[''owner'', ''billing''], or neither.';
  end if;
  if use_roles is not null and (roles is null or cardinality(use_roles) = 0 or array_position(use_roles, null) is not null) then
    raise exception 'use_roles go with roles'
      using errcode = '22023',
            detail = payments.without_secrets(format('Roles that may bill: %s, that may use: %s.', coalesce(roles::text, 'null'), use_roles)),
            hint = 'Without use_roles every member may use what was bought. Whoever may bill may use it, too.';
  end if;
  foreach wanted in array array_remove(array[subject_column, user_column, role_column], null) loop
    if not exists (select from pg_attribute a where a.attrelid = target.oid and a.attname = wanted and a.attnum > 0 and not a.attisdropped) then
      raise exception '% has no column %', members, wanted
        using errcode = '42703', detail = format('Table %s, column %s.', members, wanted), hint = 'Pass a column of that table.';
    end if;
    if not (has_schema_privilege(caller, target.schema, 'USAGE') and has_column_privilege(caller, target.oid, wanted, 'SELECT')) then
      raise exception 'role % may not read %', caller, members
        using errcode = '42501', detail = format('Column %s.', wanted),
              hint = 'Have the table''s owner call this, or grant the role SELECT on it.';
    end if;
  end loop;
  select string_agg(v.relation::regclass::text, ', ' order by v.relation) into as_invoker
    from payments.views_read(target.oid) v where v.asks_as_invoker;
  if as_invoker is not null then
    raise exception '% is asked with its reader''s rights', members
      using errcode = '42809', detail = format('The look-up reads as the view''s owner; security_invoker is set on %s.', as_invoker),
            hint = 'Register the table below it, or ALTER VIEW … RESET (security_invoker).';
  end if;
  if target.relrowsecurity and not pg_has_role(caller, target.relowner, 'USAGE')
     and not (select r.rolsuper or r.rolbypassrls from pg_roles r where r.rolname = caller) then
    raise exception 'role % may not read all of %', caller, members
      using errcode = '42501', detail = 'The table has row security, and the look-up reads past it.',
            hint = 'Have the table''s owner, or a role that bypasses row security, call this.';
  end if;
  said := payments.superuser_says(members::text, target.relowner, caller,
    'ALTER TABLE … OWNER TO a role of the app; or have a superuser call this, if nobody else can change what it runs.');

  insert into payments_registry.subject_types as t (subject_type, members, subject_column, user_column, role_column, roles, use_roles,
                                           owner, said_by_superuser)
  values (protect_subject_type_body.subject_type, members, subject_column, user_column, role_column, roles, use_roles,
          pg_get_userbyid(target.relowner), said)
  on conflict on constraint subject_types_pkey do update
    set members = excluded.members, subject_column = excluded.subject_column, user_column = excluded.user_column,
        role_column = excluded.role_column, roles = excluded.roles, use_roles = excluded.use_roles,
        owner = excluded.owner, said_by_superuser = excluded.said_by_superuser,
        predicate = null, use_predicate = null, use_owner = null, use_said_by_superuser = false;
  perform payments.make_subject_policies(subject_type, false);
end
$$;

-- Refuses a function that can be no predicate, or that the admin may not make one. Returns how it is written, its owner, and whether a
-- superuser says that it may run as a superuser.
create function payments.check_predicate(caller name, predicate regprocedure, out signature text, out owner text, out said boolean)
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  target record;
begin
  select p.oid, p.proname, p.proowner, p.prorettype, p.proretset, p.prokind, n.nspname,
         p.pronargs = 2 and p.proargtypes[0] = 'text'::regtype and p.proargtypes[1] = 'text'::regtype as takes_texts into target
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
   where p.oid = predicate;
  if target.oid is null or not target.takes_texts or target.prorettype <> 'boolean'::regtype or target.proretset
     or target.prokind <> 'f' then
    raise exception 'predicate must be a function (user_id text, subject_id text) returning boolean'
      using errcode = '22023', detail = format('Function: %s.', coalesce(predicate::text, 'null')),
            hint = 'Cast the ids inside the function, and return false where they are none.';
  end if;
  if not payments.is_schema_of_app(target.nspname) or not pg_has_role(caller, target.proowner, 'USAGE') then
    raise exception 'role % may not make % a predicate', caller, predicate
      using errcode = '42501', detail = format('It belongs to %s, as whom it would run.', pg_get_userbyid(target.proowner)),
            hint = 'Have the function''s owner, if he is an admin, or a superuser call this.';
  end if;
  signature := format('%I.%I(text,text)', target.nspname, target.proname);
  owner := pg_get_userbyid(target.proowner);
  said := payments.superuser_says(predicate::text, target.proowner, caller,
    'ALTER FUNCTION … OWNER TO a role of the app; or have a superuser call this, if nobody else can change what it runs.');
end
$$;

/* Says that a user may bill for a subject of this type if the app's own function says true:
   predicate(user_id text, subject_id text) returns boolean. What the subject bought may be used by whoever may bill for it, and
   where use_predicate is given also by those to whom that says true. Each runs as its owner; null, an error or no such function
   deny. So does one whose owner is not the one that it had when it was registered: after ALTER FUNCTION … OWNER TO, call this again.

   Called by an admin who owns the functions, or a superuser; what a superuser owns is registered by a superuser alone.
   Raises 22023 (a name, or another kind of function), 42501. */
create function payments.protect_subject_type(subject_type text, predicate regprocedure, use_predicate regprocedure default null)
  returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_named_registry';

create function payments.protect_subject_type_body(subject_type text, predicate regprocedure, use_predicate regprocedure)
  returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  caller name := payments.outer_role();
  bill record;
  uses record;
begin
  perform payments.check_subject_type_name(subject_type);
  select * into bill from payments.check_predicate(caller, predicate);
  select c.* into uses from payments.check_predicate(caller, use_predicate) c where use_predicate is not null;

  insert into payments_registry.subject_types as t (subject_type, predicate, owner, said_by_superuser, use_predicate, use_owner, use_said_by_superuser)
  values (protect_subject_type_body.subject_type, bill.signature, bill.owner, bill.said,
          uses.signature, uses.owner, coalesce(uses.said, false))
  on conflict on constraint subject_types_pkey do update
    set members = null, subject_column = null, user_column = null, role_column = null, roles = null, use_roles = null,
        predicate = excluded.predicate, owner = excluded.owner, said_by_superuser = excluded.said_by_superuser,
        use_predicate = excluded.use_predicate, use_owner = excluded.use_owner,
        use_said_by_superuser = excluded.use_said_by_superuser;
  perform payments.make_subject_policies(subject_type, true);
end
$$;

/* Forgets who may bill for a type of subject and use it: from now on nobody may. Returns whether it was registered. */
create function payments.unprotect_subject_type(subject_type text) returns boolean
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_registry';

create function payments.unprotect_subject_type_body(subject_type text) returns boolean
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.drop_subject_policies(subject_type);
  delete from payments_registry.subject_types t where t.subject_type = unprotect_subject_type_body.subject_type;
  return found;
end
$$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   mappings

set local search_path = pg_catalog, pg_temp;

-- Endpoints that Stripe can post to through PostgREST: it hands the raw body to the one unnamed json argument, the headers in
-- request.headers, and takes the status from response.status. An event that fails answers 500, so that Stripe sends it
-- again, and stays recorded. Source: https://docs.postgrest.org/en/stable/references/api/functions.html

-- The header that Stripe signed with; null where there is none, or where the headers are no JSON object.
create function payments.signature_header() returns text
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $function$
begin
  return nullif(current_setting('request.headers', true), '')::json ->> 'stripe-signature';
exception when data_exception then
  return null;
end
$function$;

create function payments.answer_webhook(environment text, body json) returns json
  language plpgsql set search_path = pg_catalog, pg_temp
as $function$
declare
  answered jsonb := payments.answer_at_endpoint(environment, body::text, payments.signature_header());
begin
  if answered ->> 'http_status' <> '200' then
    perform set_config('response.status', answered ->> 'http_status', true);
  end if;
  return answered -> 'answer';
end
$function$;

create function payments.stripe_webhook_test(json) returns json
  language plpgsql set search_path = pg_catalog, pg_temp
as $function$
begin
  return payments.answer_webhook('test', $1);
end
$function$;

create function payments.stripe_webhook_live(json) returns json
  language plpgsql set search_path = pg_catalog, pg_temp
as $function$
begin
  return payments.answer_webhook('live', $1);
end
$function$;

comment on function payments.stripe_webhook_test(json) is
  'Endpoint for Stripe''s test events through PostgREST. 403: the signature is refused. 400: the body is not an event. 500: the event failed and is recorded.';
comment on function payments.stripe_webhook_live(json) is
  'Endpoint for Stripe''s live events through PostgREST. 403: a bad signature, or live is not approved. 400: not an event. 500: the event failed and is recorded.';

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   mappings
--   project::triggers::adopt_payments

set local search_path = pg_catalog, pg_temp;

-- What follows on our own tables by triggers that are nobody's request.
--
-- A local session usually knows its Stripe session before any webhook, or is named by it. Where it learns of it later, from the
-- backend, what Stripe said meanwhile is derived again, in the same transaction.

create function payments.on_session_linked() returns trigger
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_anyone';

create function payments.on_session_linked_body() returns trigger
  language plpgsql set search_path = pg_catalog, pg_temp
as $function$
begin
  if tg_relid is distinct from to_regclass('payments.checkout_sessions') then
    raise exception 'on_session_linked() is made for payments.checkout_sessions'
      using errcode = 'trigger_protocol_violated', detail = format('It was called for %s.', tg_relid::regclass),
            hint = 'Do not put it on another table.';
  end if;
  perform payments.session_linked(new.environment, new.stripe_checkout_session_id);
  return null;
end
$function$;

do $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;
  if not exists (select from pg_trigger where tgrelid = 'payments.checkout_sessions'::regclass
                   and tgname = 'payments_session_inserted') then
    create trigger payments_session_inserted
      after insert on payments.checkout_sessions for each row
      when (new.stripe_checkout_session_id is not null)
      execute function payments.on_session_linked();
    alter trigger payments_session_inserted on payments.checkout_sessions depends on extension payments;
    -- A session that took the row because it names it, or was recovered from its own, is being projected anyway.
    create trigger payments_session_linked
      after update of stripe_checkout_session_id on payments.checkout_sessions for each row
      when (new.stripe_checkout_session_id is not null and new.claimed_by_session is null and new.recovered_from is null
            and new.stripe_checkout_session_id is distinct from old.stripe_checkout_session_id)
      execute function payments.on_session_linked();
    alter trigger payments_session_linked on payments.checkout_sessions depends on extension payments;
  end if;
  -- A payment that another backend writes may have been refunded or disputed before.
  if not exists (select from pg_trigger where tgrelid = 'payments.payment_history'::regclass
                   and tgname = 'payments_adopted') then
    create trigger payments_adopted
      after insert on payments.payment_history referencing new table as new_rows for each statement
      execute function payments.adopt_payments();
    alter trigger payments_adopted on payments.payment_history depends on extension payments;
    -- It may also be told its ids later.
    create trigger payments_adopted_late
      after update of stripe_payment_intent_id, stripe_checkout_session_id, stripe_invoice_id, stripe_charge_id
      on payments.payment_history for each row when (new.by_backend)
      execute function payments.adopt_payments();
    alter trigger payments_adopted_late on payments.payment_history depends on extension payments;
  end if;
end
$install$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   paywalls
--   grants

set local search_path = pg_catalog, pg_temp;

-- A customer's own billing page: the mirrors of invoices and payment methods, and what members read of them, and of the subscriptions
-- of their subjects.
--
-- The right to bill shows invoices and payment methods: a hosted invoice shows names, addresses and amounts and can be paid, and a
-- card is its payer's. The right to use shows subscriptions: whoever enjoys one may know what it is, and until when it lasts; what
-- it costs, only whoever may bill.
--
-- A view reads as its owner, past the tables' row security, and asks for the caller's subjects once a query. It reads from two
-- relations at least, so that nobody writes through it, whatever is granted on it; and it calls no member of the extension, so
-- that DROP EXTENSION keeps it: see identity.sql. Once live was approved, it shows live alone, as all paywalls do.

-- Until when a subscription of a subject that the caller may use gives access: the rule of all paywalls.
create function payments.caller_access_until_body(environment text, stripe_subscription_id text) returns timestamptz
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select payments.access_until(s.environment, s.stripe_subscription_id)
    from payments.subscriptions s
   where s.stripe_subscription_id = $2 and s.environment = $1 and payments.may_use_subject(s.subject_type, s.subject_id)
$$;

do $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;

  -- Each is its newest snapshot, and its subject that of its payment. A draft that was deleted has no row. raw is for backends that write
  -- it: an invoice with its lines is large, comes with five events or more, and its newest is in webhook_events.
  -- hosted_invoice_url_expires_at follows from Stripe's rule (fold/invoice.rs of the core).
  if to_regclass('payments.invoices') is null then
    create table payments.invoices (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_invoice_id text not null,
      number text,
      status text,
      stripe_customer_id text,
      stripe_subscription_id text,
      subject_type text,
      subject_id text,
      currency text,
      amount_due bigint,
      amount_paid bigint,
      amount_remaining bigint,
      period_start timestamptz,
      period_end timestamptz,
      due_date timestamptz,
      hosted_invoice_url text,
      hosted_invoice_url_expires_at timestamptz,
      invoice_pdf text,
      raw jsonb not null default '{}',
      synced_at timestamptz not null default now(),
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (stripe_invoice_id, environment)
    );
    create index invoices_subject_idx on payments.invoices (subject_type, subject_id) where subject_id is not null;
  end if;

  -- Of a detached one the customer is whose it was. is_default: its customer, or a subscription of theirs that has not ended, names it.
  if to_regclass('payments.payment_methods') is null then
    create table payments.payment_methods (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_payment_method_id text not null,
      stripe_customer_id text,
      type text,
      brand text,
      last4 text,
      exp_month integer,
      exp_year integer,
      is_default boolean not null default false,
      detached_at timestamptz,
      raw jsonb not null default '{}',
      synced_at timestamptz not null default now(),
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (stripe_payment_method_id, environment)
    );
    create index payment_methods_customer_idx on payments.payment_methods (stripe_customer_id, environment);
    -- As in tables.sql.
    if exists (select from pg_settings s where s.name = 'default_toast_compression' and 'lz4' = any (s.enumvals)) then
      alter table payments.payment_methods alter column raw set compression lz4;
    end if;
  end if;
end
$install$;

-- Makes the views where they are missing; see doctor_shape.sql.
create function payments.make_billing_views() returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;

  -- Drafts are nobody's yet: Stripe's portal shows none either. A URL that has expired is left out.
  if to_regclass('payments.my_invoices') is null then
    create view payments.my_invoices with (security_barrier = true) as
    select i.environment, i.stripe_invoice_id, i.number, i.status, i.subject_type, i.subject_id, i.stripe_subscription_id, i.currency,
           i.amount_due, i.amount_paid, i.amount_remaining, i.period_start, i.period_end, i.due_date,
           case when i.hosted_invoice_url_expires_at > now() then i.hosted_invoice_url end as hosted_invoice_url,
           case when i.hosted_invoice_url_expires_at > now() then i.invoice_pdf end as invoice_pdf, i.hosted_invoice_url_expires_at
      from (select distinct c.subject_type, c.subject_id from payments.caller_subjects() c) mine
      join payments.invoices i on i.subject_type = mine.subject_type and i.subject_id = mine.subject_id
     where i.status <> 'draft'
       and i.environment = (select case when exists (select from payments.environments e
                                                      where e.environment = 'live' and e.went_live_at is not null)
                                        then 'live' else 'test' end);
  end if;

  -- Those that are attached. Whose a method is, the customer's mapping says.
  if to_regclass('payments.my_payment_methods') is null then
    create view payments.my_payment_methods with (security_barrier = true) as
    select p.environment, p.stripe_payment_method_id, m.subject_type, m.subject_id, p.type, p.brand, p.last4, p.exp_month, p.exp_year,
           p.is_default
      from (select distinct c.subject_type, c.subject_id from payments.caller_subjects() c) mine
      join payments.stripe_customer_mappings m on m.subject_type = mine.subject_type and m.subject_id = mine.subject_id
      join payments.payment_methods p on p.stripe_customer_id = m.stripe_customer_id and p.environment = m.environment
     where p.detached_at is null
       and p.environment = (select case when exists (select from payments.environments e
                                                      where e.environment = 'live' and e.went_live_at is not null)
                                        then 'live' else 'test' end);
  end if;

  -- One row for each item of a subscription.
  if to_regclass('payments.my_subscriptions') is null then
    create view payments.my_subscriptions with (security_barrier = true) as
    select s.environment, s.stripe_subscription_id, i.stripe_subscription_item_id, s.subject_type, s.subject_id, s.status,
           d.name as plan_name, coalesce(i.stripe_product_id, p.stripe_product_id) as stripe_product_id, i.stripe_price_id, i.quantity,
           coalesce(i.current_period_start, s.current_period_start) as current_period_start,
           coalesce(i.current_period_end, s.current_period_end) as current_period_end,
           s.cancel_at_period_end, s.cancel_at, s.canceled_at, s.trial_end, s.pause_collection, s.pause_resumes_at,
           payments.caller_access_until(s.environment, s.stripe_subscription_id) as access_until,
           p.recurring_interval, p.recurring_interval_count,
           bills.subject_id is not null as may_bill,
           case when bills.subject_id is not null then p.unit_amount end as unit_amount,
           case when bills.subject_id is not null then p.currency end as currency
      from (select distinct c.subject_type, c.subject_id from payments.caller_usable_subjects() c) mine
      join payments.subscriptions s on s.subject_type = mine.subject_type and s.subject_id = mine.subject_id
      left join (select distinct c.subject_type, c.subject_id from payments.caller_subjects() c) bills
        on bills.subject_type = s.subject_type and bills.subject_id = s.subject_id
      left join payments.subscription_items i
        on i.stripe_subscription_id = s.stripe_subscription_id and i.environment = s.environment
      left join payments.prices p on p.stripe_price_id = i.stripe_price_id and p.environment = i.environment
      left join payments.products d
        on d.stripe_product_id = coalesce(i.stripe_product_id, p.stripe_product_id) and d.environment = i.environment
     where s.environment = (select case when exists (select from payments.environments e
                                                      where e.environment = 'live' and e.went_live_at is not null)
                                        then 'live' else 'test' end);
  end if;
end
$install$;

select payments.make_billing_views();

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   policies
--   stripe_responses

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

-- src/lib.rs
-- requires:
--   projection_triggers
--   operate::doctor::webhook_secret_terms

set local search_path = pg_catalog, pg_temp;

-- The doctor: everything that a careful admin would look at. Each check is a small function that returns what it found, each with the
-- one statement or command that mends it; one that finds nothing is content. Where an admin of the app cannot run that, the check says
-- who can (mender): a superuser, or the owner of the table. This file has their list and what runs them; the other doctor_*.sql have the
-- checks.

create type payments.finding as (check_name text, ok boolean, detail text, fix text);

-- Every check in the order of the report: its name, its function, and what is so where that finds nothing.
create function payments.doctor_checks() returns table (check_name text, function text, healthy text)
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  values
    ('version', 'doctor_version', 'The library and the SQL of the extension are of one version.'),
    ('encoding', 'doctor_encoding', 'The database is encoded in UTF8.'),
    ('tables', 'doctor_tables', 'Every table is there and belongs to payments_owner; every index is valid.'),
    ('indexes', 'doctor_indexes', 'Every constraint and index of the extension is there, unchanged.'),
    ('views', 'doctor_views', 'Every view of the extension is there, unchanged.'),
    ('webhook secret', 'doctor_secrets', 'No environment is in use.'),
    ('live approval', 'doctor_live', 'Live is not in use.'),
    ('stripe account', 'doctor_accounts', 'Every environment that is in use knows its own account.'),
    ('wrong livemode', 'doctor_wrong_livemode', 'No event came to the endpoint of the other environment.'),
    ('event age', 'doctor_event_age', 'No environment is in use.'),
    ('event types', 'doctor_event_types', 'No environment is in use.'),
    ('failed events', 'doctor_failed_events', 'No event failed or waits.'),
    ('customer mappings', 'doctor_mappings', 'No checkout session claims a customer that is mapped otherwise.'),
    ('sync', 'doctor_sync', 'No backfill failed.'),
    ('unsent sessions', 'doctor_unsent_sessions', 'No session waits to be sent to Stripe.'),
    ('review', 'doctor_review', 'Nothing that was bought waits for a person.'),
    ('unfulfilled payments', 'doctor_unfulfilled', 'All money that arrived gave something, or went back.'),
    ('attached tables', 'doctor_attachments', 'Every attached table can be written to.'),
    ('benefits', 'doctor_benefits', 'Every kind of benefit has an attached table.'),
    ('subject types', 'doctor_subject_types', 'Every type of subject can be looked up.'),
    ('membership indexes', 'doctor_membership_indexes', 'Every membership table has an index on its user column.'),
    ('triggers', 'doctor_triggers', 'Every trigger of the extension is there, unchanged and enabled.'),
    ('event triggers', 'doctor_event_triggers', 'Both event triggers are enabled.'),
    ('row security', 'doctor_row_security', 'Every table forces row security.'),
    ('policies', 'doctor_policies', 'Every policy of the extension is there, unchanged.'),
    ('grants', 'doctor_grants', 'Nobody has more than grant_role() recorded, and nobody less.'),
    ('own roles', 'doctor_own_roles', 'The roles of the extension cannot log in, have no attributes, members or memberships.'),
    ('trusted roles', 'doctor_trusted_roles', 'No role of end users is trusted, and a role that logs in may set claims.'),
    ('publications', 'doctor_publications', 'No publication takes the webhook secrets along.'),
    ('settings', 'doctor_settings', 'No setting logs secrets, loses rows or keeps triggers from firing.')
$$;

/* Looks at everything that a careful admin would, and says of each whether it is well, and the one statement or command that mends
   it. A check that cannot run says so and keeps no other from running. Of large tables only the newest 64 MiB are looked at, or what
   an index finds. Raises 42501. */
create function payments.doctor() returns setof payments.finding
  language c stable set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.doctor_body() returns setof payments.finding
  language plpgsql stable set search_path = pg_catalog, pg_temp set quote_all_identifiers = off
as $$
declare
  wanted record;
  found_something boolean;
  finding payments.finding;
begin
  for wanted in select c.check_name, c.function, c.healthy from payments.doctor_checks() c loop
    begin
      found_something := false;
      for finding in
        execute format('select %L, f.ok, payments.visible(f.detail) || payments.who_mends(to_jsonb(f) ->> ''mender''), payments.visible(f.fix) '
                       'from payments.%I() f', wanted.check_name, wanted.function)
      loop
        found_something := true;
        return next finding;
      end loop;
      if not found_something then
        finding := (wanted.check_name, true, wanted.healthy, null);
        return next finding;
      end if;
    exception when others then
      finding := (wanted.check_name, false,
                  format('This check cannot run: %s (%s).', payments.visible(payments.without_secrets(sqlerrm)), sqlstate),
                  'select * from payments.doctor()');
      return next finding;
    end;
  end loop;
end
$$;

create function payments.who_mends(mender text) returns text
  language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select case mender when 'superuser' then ' Only a superuser can run the fix.'
                     when 'owner' then ' The owner of the table can run the fix.'
                     else '' end
$$;

-- Where the newest 64 MiB of a table begin: new rows are mostly put at its end. To be compared with ctid.
create function payments.newest_pages(relation text) returns tid
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select format('(%s,0)', greatest(pg_relation_size($1::regclass) - 64 * 1024 * 1024, 0) / current_setting('block_size')::bigint)::tid
$$;

-- The environments that are in use: those that can hear of money, heard of some or asked for it, and live once it was approved. A new
-- installation begins with test.
create function payments.environments_in_use() returns setof text
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  with used as (
    select e.environment
      from payments.environments e
     where e.live_approved_at is not null or e.went_live_at is not null
        or exists (select from payments.webhook_secret_terms(e.environment))
        or exists (select from payments.webhook_events w
                    where w.environment = e.environment and w.ctid >= (select payments.newest_pages('payments.webhook_events')))
        or exists (select from payments.checkout_sessions s
                    where s.environment = e.environment and s.ctid >= (select payments.newest_pages('payments.checkout_sessions')))
  )
  select u.environment from used u
  union all
  select 'test' where not exists (select from used)
  order by 1 desc
$$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   request_tables

set local search_path = pg_catalog, pg_temp;

-- The text with � for each character that would control the terminal on which it is shown. core/src/visible.rs has the same list.
create function payments.visible(text text) returns text
  language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$ select regexp_replace($1, '[\u0001-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]', '�', 'g') $$;

-- Who is asking. current_user_id() is in src/identity.rs; here is what policies may call.

-- The callers' side of policies. Not members of the extension (see ownership.sql): a policy that depended on a member would
-- keep DROP EXTENSION from working. Without the extension they raise, and so the policies deny. They stand in every dump, so the
-- names that they have in the library stay. Those that an earlier install
-- left are replaced, whatever they say; a script may replace only members, so each joins for as long as that takes.
do $install$
declare
  kept regprocedure[];
  left_over regprocedure;
  definition text;
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;
  set local check_function_bodies = off;
  kept := array(select p.oid::regprocedure from pg_catalog.pg_proc p
                 where p.pronamespace = 'payments'::regnamespace and p.proname in ('caller', 'caller_subjects', 'caller_owns', 'caller_is_admin',
                                                                       'caller_usable_subjects', 'caller_access_until'));
  foreach left_over in array kept loop
    execute format('alter extension payments add function %s', left_over);
  end loop;
  -- Whatever of these is there is a member by now, and belongs to a role that is trusted (roles.sql). They are the functions of
  -- src/identity.rs and src/session/subject.rs under names of their own: a policy asks three of them for one INSERT, and one that
  -- only called another would double that.
  foreach definition in array array[
    $ddl$
      function payments.caller() returns text
        language c stable parallel safe set search_path = pg_catalog, pg_temp
      as 'MODULE_PATHNAME', 'current_user_id_wrapper'
    $ddl$,
    $ddl$
      function payments.caller_subjects(subject_type text) returns setof text
        language c stable set search_path = pg_catalog, pg_temp
      as 'MODULE_PATHNAME', 'my_subjects_wrapper'
    $ddl$,
    $ddl$
      function payments.caller_subjects() returns table (subject_type text, subject_id text)
        language c stable set search_path = pg_catalog, pg_temp
      as 'MODULE_PATHNAME', 'my_subjects_of_all_types_wrapper'
    $ddl$,
    $ddl$
      function payments.caller_usable_subjects(subject_type text) returns setof text
        language c stable set search_path = pg_catalog, pg_temp
      as 'MODULE_PATHNAME', 'my_usable_subjects_wrapper'
    $ddl$,
    $ddl$
      function payments.caller_usable_subjects() returns table (subject_type text, subject_id text)
        language c stable set search_path = pg_catalog, pg_temp
      as 'MODULE_PATHNAME', 'my_usable_subjects_of_all_types_wrapper'
    $ddl$,
    $ddl$
      function payments.caller_owns(subject_type text, subject_id text) returns boolean
        language c stable set search_path = pg_catalog, pg_temp
      as 'MODULE_PATHNAME', 'owns_subject_wrapper'
    $ddl$,
    $ddl$
      function payments.caller_is_admin() returns boolean
        language c stable parallel safe set search_path = pg_catalog, pg_temp
      as 'MODULE_PATHNAME', 'acting_role_is_admin_wrapper'
    $ddl$,
    -- What a view asks of each subscription that it shows; its body is in billing.sql.
    $ddl$
      function payments.caller_access_until(environment text, stripe_subscription_id text) returns timestamptz
        language c stable set search_path = pg_catalog, pg_temp
      as 'MODULE_PATHNAME', 'run_for_anyone'
    $ddl$]
  loop
    execute 'create or replace' || definition;
  end loop;
  -- What was kept keeps its grants too; ownership.sql resets those of members alone.
  foreach left_over in array kept loop
    execute format('alter function %s owner to current_user', left_over);
    execute format('revoke all on function %s from public', left_over);
    execute format('alter extension payments drop function %s', left_over);
  end loop;
end
$install$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   requests

set local search_path = pg_catalog, pg_temp;

-- What the program beside the database keeps here: how far it read Stripe's list of events, its webhook endpoint, how far a backfill got.

-- Refuses what is no short name, or holds one of Stripe's secrets.
create function payments.check_short(name text, value text, form text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.hide_secrets_from_log(array[value]);
  if value is not null and (value <> payments.without_secrets(value) or value !~ form or char_length(value) > 2000) then
    raise exception '% is not usable', name
      using errcode = '22023', detail = payments.without_secrets(format('Given: %s.', left(value, 100))),
            hint = 'Pass what Stripe told, without any key.';
  end if;
end
$$;

/* The id of the newest event that was read from Stripe's list of events; null where none was read yet. Raises 22023. */
create function payments.events_cursor(environment text) returns text
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.events_cursor_body(environment text) returns text
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.check_environment(environment);
  return (select c.events_cursor from payments.stripe_connections c where c.environment = $1);
end
$$;

/* Keeps it, once every event up to it was applied, and when that was. Null: the list is to be read from its beginning. Raises 22023. */
create function payments.set_events_cursor(environment text, event_id text) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.set_events_cursor_body(environment text, event_id text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.check_environment(environment);
  perform payments.check_short('event_id', event_id, '^evt_[0-9A-Za-z_]{1,250}$');
  perform set_config('search_path', payments.ordinary_search_path(), true);
  insert into payments.stripe_connections as c (environment, events_cursor, events_read_at)
  values ($1, $2, pg_catalog.now())
  on conflict on constraint stripe_connections_environment_key do update
     set events_cursor = excluded.events_cursor, events_read_at = excluded.events_read_at;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
end
$$;

/* Keeps which webhook endpoint Stripe posts to, since when, and in which API version it renders events: the connection is there.
   Raises 22023. */
create function payments.record_webhook_endpoint(environment text, endpoint_id text, url text, api_version text default null)
  returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.record_webhook_endpoint_body(environment text, endpoint_id text, url text, api_version text)
  returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.check_environment(environment);
  perform payments.check_short('endpoint_id', coalesce(endpoint_id, ''), '^we_[0-9A-Za-z_]{1,250}$');
  perform payments.check_short('url', coalesce(url, ''), '^https?://[^[:space:]@]+$');
  perform payments.check_short('api_version', api_version, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[0-9a-z._-]{0,50}$');
  perform set_config('search_path', payments.ordinary_search_path(), true);
  insert into payments.stripe_connections as c
    (environment, webhook_endpoint_id, webhook_endpoint_url, webhook_configured_at, webhook_api_version, status)
  values ($1, $2, $3, pg_catalog.now(), $4, 'connected')
  on conflict on constraint stripe_connections_environment_key do update
     set webhook_endpoint_id = excluded.webhook_endpoint_id, webhook_endpoint_url = excluded.webhook_endpoint_url,
         webhook_configured_at = excluded.webhook_configured_at, webhook_api_version = excluded.webhook_api_version,
         status = excluded.status;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
end
$$;

/* Where a backfill of a resource ('customers', say) goes on; null: at the beginning, as also after it was finished. Raises 22023. */
create function payments.sync_position(environment text, resource text) returns text
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.sync_position_body(environment text, resource text) returns text
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.check_environment(environment);
  return (select p.cursor from payments.sync_progress p where p.environment = $1 and p.resource = $2 and p.finished_at is null);
end
$$;

/* Records how far a backfill of a resource got: the cursor of its next page and how many objects this page had, which are added up
   from its beginning; that it is finished; or the error that it stopped at, after which it goes on where it was. What became of the
   last backfill of all resources stands in stripe_connections. Raises 22023. */
create function payments.record_sync(environment text, resource text, cursor text, objects bigint, finished boolean default false,
                                     error text default null) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.record_sync_body(environment text, resource text, cursor text, objects bigint, finished boolean, error text)
  returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  reason text := left(payments.without_secrets(error), 2000);
  counts jsonb;
  wrong text;
begin
  perform payments.hide_secrets_from_log(array[error]);
  perform payments.check_environment(environment);
  perform payments.check_short('resource', coalesce(resource, ''), '^[a-z_./]{1,100}$');
  perform payments.check_short('cursor', $3, '^[0-9A-Za-z_]{1,255}$');
  if objects is null or objects < 0 then
    raise exception 'objects must not be negative'
      using errcode = '22023', detail = format('It is %s.', coalesce(objects::text, 'null')), hint = 'Pass how many objects the page had.';
  end if;
  insert into payments.sync_progress as p (environment, resource, cursor, objects, last_error, finished_at)
  values ($1, $2, $3, $4, reason, case when $5 then now() end)
  on conflict on constraint sync_progress_pkey do update
     set cursor = coalesce(excluded.cursor, case when p.finished_at is null and reason is not null then p.cursor end),
         objects = case when p.finished_at is null then p.objects else 0 end + excluded.objects,
         started_at = case when p.finished_at is null then p.started_at else now() end,
         finished_at = excluded.finished_at,
         last_error = excluded.last_error;
  select jsonb_object_agg(p.resource, p.objects), string_agg(format('%s: %s', p.resource, p.last_error), '; ' order by p.resource) filter (where p.last_error is not null)
    into counts, wrong
    from payments.sync_progress p where p.environment = $1;
  if not coalesce($5, false) and reason is null then
    return;
  end if;
  perform set_config('search_path', payments.ordinary_search_path(), true);
  insert into payments.stripe_connections as c (environment, last_synced_at, last_sync_status, last_sync_error, last_sync_counts)
  values ($1, pg_catalog.now(), case when wrong is null then 'succeeded' else 'failed' end, wrong, counts)
  on conflict on constraint stripe_connections_environment_key do update
     set last_synced_at = excluded.last_synced_at, last_sync_status = excluded.last_sync_status,
         last_sync_error = excluded.last_sync_error, last_sync_counts = excluded.last_sync_counts;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
end
$$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   roles

set local search_path = pg_catalog, pg_temp;

-- The tables. Public names and columns; see docs/reference.md. They are made only where they are missing and then
-- detached from the extension: pg_dump keeps an app's triggers, indexes, policies and publications only on tables that no
-- extension owns, and DROP EXTENSION must never delete a record of money. While a dump is being restored
-- (its scripts set row_security = off) nothing is made, because the dump brings it all.
--
-- No index begins with the environment: while a table is small, a plan would rather read all of such an index than look
-- for one key, and a kept plan would go on so (src/pg/plan_cache.rs).

do $install$
declare
  wide record;
  others text;
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;

  -- Tables of another backend may have these names; they lack what ours have.
  if to_regclass('payments.facts') is null then
    select string_agg(c.oid::regclass::text, ', ' order by c.relname) into others
      from pg_class c where c.relnamespace = 'payments'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f');
    if others is not null then
      raise exception 'schema payments holds tables of another backend'
        using errcode = 'object_not_in_prerequisite_state', detail = format('They are: %s.', others),
              hint = 'ALTER SCHEMA payments RENAME TO payments_before, install again, then copy their rows: see docs/operations.md.';
    end if;
  end if;

  if to_regclass('payments.environments') is null then
    create table payments.environments (
      environment text primary key check (environment = any ('{test,live}')),
      live_approved_by text,
      live_approved_at timestamptz,
      went_live_at timestamptz,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    );
    insert into payments.environments (environment) values ('test'), ('live');
  end if;

  if to_regclass('payments.stripe_connections') is null then
    create table payments.stripe_connections (
      id uuid primary key default gen_random_uuid(),
      environment text not null unique check (environment = any ('{test,live}')),
      stripe_account_id text,
      stripe_account_email text,
      account_livemode boolean,
      status text not null default 'unconfigured' check (status = any ('{unconfigured,connected,error}')),
      webhook_endpoint_id text,
      webhook_endpoint_url text,
      webhook_configured_at timestamptz,
      webhook_api_version text,
      -- the newest event that was read from Stripe's list of events, and when that was read last
      events_cursor text,
      events_read_at timestamptz,
      last_synced_at timestamptz,
      last_sync_status text check (last_sync_status = any ('{succeeded,failed}')),
      last_sync_error text,
      last_sync_counts jsonb not null default '{}',
      -- events of the other environment that were posted here: they are stored nowhere
      wrong_livemode_count bigint not null default 0,
      wrong_livemode_at timestamptz,
      raw jsonb not null default '{}',
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    );
  end if;

  if to_regclass('payments.products') is null then
    create table payments.products (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_product_id text not null,
      name text not null,
      description text,
      active boolean not null default true,
      default_price_id text,
      metadata jsonb not null default '{}',
      raw jsonb not null default '{}',
      synced_at timestamptz not null default now(),
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (stripe_product_id, environment)
    );
  end if;

  if to_regclass('payments.prices') is null then
    create table payments.prices (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_price_id text not null,
      stripe_product_id text,
      active boolean not null default true,
      currency text,
      unit_amount bigint,
      unit_amount_decimal text,
      type text,
      lookup_key text,
      billing_scheme text,
      tax_behavior text,
      recurring_interval text,
      recurring_interval_count integer,
      metadata jsonb not null default '{}',
      raw jsonb not null default '{}',
      synced_at timestamptz not null default now(),
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (stripe_price_id, environment)
    );
    create index prices_product_idx on payments.prices (stripe_product_id, environment);
    create index prices_lookup_key_idx on payments.prices (lookup_key, environment) where lookup_key is not null;
  end if;

  if to_regclass('payments.customers') is null then
    create table payments.customers (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_customer_id text not null,
      email text,
      name text,
      phone text,
      deleted boolean not null default false,
      metadata jsonb not null default '{}',
      raw jsonb not null default '{}',
      stripe_created_at timestamptz,
      synced_at timestamptz not null default now(),
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (stripe_customer_id, environment)
    );
  end if;

  -- A row without evidence is an admin's own word; one with evidence was derived from a completed session.
  if to_regclass('payments.stripe_customer_mappings') is null then
    create table payments.stripe_customer_mappings (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      subject_type text not null,
      subject_id text not null,
      stripe_customer_id text not null,
      evidence_created bigint,
      evidence_event_id text,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (subject_type, subject_id, environment),
      unique (stripe_customer_id, environment)
    );
  end if;

  -- What completed sessions say of subject and customer; the mappings follow from these (payment/mapping.rs of the core decides).
  if to_regclass('payments.mapping_claims') is null then
    create table payments.mapping_claims (
      environment text not null check (environment = any ('{test,live}')),
      stripe_checkout_session_id text not null,
      subject_type text not null,
      subject_id text not null,
      stripe_customer_id text not null,
      evidence_created bigint not null,
      evidence_event_id text not null,
      primary key (stripe_checkout_session_id, environment)
    );
    create index mapping_claims_subject_idx on payments.mapping_claims (subject_id, subject_type, environment);
    create index mapping_claims_customer_idx on payments.mapping_claims (stripe_customer_id, environment);
  end if;

  -- request: what stripe_request() said first, and says from then on. Here, and of portal sessions.
  -- client_secret: with it the buyer's browser shows the page of an open session that has no url.
  -- claimed_by_session: the Stripe session that has this row only because it names it; where several do, the best of them has it
  -- (payment/session_owner.rs of the core decides). One that record_stripe_response() or a backend's own UPDATE recorded has it for good.
  -- recovered_from: the one that was recorded, while a session that Stripe recovered from it has the row.
  -- guest_transaction: the transaction that a guest's row is shown to. request_digest: what was asked for under an idempotency
  -- key, in short, whatever becomes of the row. Both are the guard's.
  -- What its policies look at stands first: a scan takes each row apart up to the last column that it needs.
  if to_regclass('payments.checkout_sessions') is null then
    create table payments.checkout_sessions (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      mode text not null check (mode = any ('{payment,subscription}')),
      status text not null default 'initialized'
        check (status = any ('{initialized,open,completed,expired,failed}')),
      payment_status text check (payment_status = any ('{paid,unpaid,no_payment_required}')),
      subject_type text,
      subject_id text,
      created_by text,
      guest boolean not null default false,
      guest_transaction bigint,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      customer_email text,
      line_items jsonb not null check (jsonb_typeof(line_items) = 'array'),
      success_url text not null,
      cancel_url text not null,
      idempotency_key text,
      metadata jsonb not null default '{}',
      stripe_checkout_session_id text,
      stripe_customer_id text,
      stripe_payment_intent_id text,
      stripe_subscription_id text,
      claimed_by_session text,
      recovered_from text,
      url text,
      client_secret text,
      last_error text,
      raw jsonb not null default '{}',
      request jsonb,
      request_digest text,
      check ((subject_type is null) = (subject_id is null)),
      unique (stripe_checkout_session_id, environment)
    );
    create unique index checkout_sessions_idempotency_key_idx
      on payments.checkout_sessions (idempotency_key, environment) where idempotency_key is not null;
    create index checkout_sessions_payment_intent_idx
      on payments.checkout_sessions (stripe_payment_intent_id, environment) where stripe_payment_intent_id is not null;
    create index checkout_sessions_subscription_idx
      on payments.checkout_sessions (stripe_subscription_id, environment) where stripe_subscription_id is not null;
    -- A price that becomes known decides what was bought by it; sessions that were not completed bought nothing.
    create index checkout_sessions_line_items_idx
      on payments.checkout_sessions using gin (line_items jsonb_path_ops) where status = 'completed';
    -- The sessions of an order, for explain().
    create index checkout_sessions_order_idx
      on payments.checkout_sessions using hash ((metadata ->> 'order_id')) where metadata ->> 'order_id' is not null;
    create index checkout_sessions_subject_idx
      on payments.checkout_sessions (subject_type, subject_id) where subject_id is not null;
    create index checkout_sessions_created_by_idx
      on payments.checkout_sessions (created_by, created_at) where created_by is not null;
    create index checkout_sessions_by_backend_idx
      on payments.checkout_sessions (subject_type, subject_id) where subject_id is not null and created_by is null;
  end if;

  -- Which session Stripe made another of, when its payer came back to an expired one.
  if to_regclass('payments.recovered_sessions') is null then
    create table payments.recovered_sessions (
      environment text not null check (environment = any ('{test,live}')),
      stripe_checkout_session_id text not null,
      recovered_from text not null,
      primary key (stripe_checkout_session_id, environment)
    );
    create index recovered_sessions_recovered_from_idx on payments.recovered_sessions (recovered_from, environment);
  end if;

  if to_regclass('payments.customer_portal_sessions') is null then
    create table payments.customer_portal_sessions (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      status text not null default 'initialized' check (status = any ('{initialized,created,failed}')),
      subject_type text not null,
      subject_id text not null,
      stripe_customer_id text,
      return_url text,
      configuration_id text,
      url text,
      last_error text,
      raw jsonb not null default '{}',
      created_by text,
      request jsonb,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    );
    create index customer_portal_sessions_subject_idx on payments.customer_portal_sessions (subject_type, subject_id);
    create index customer_portal_sessions_created_by_idx
      on payments.customer_portal_sessions (created_by, created_at) where created_by is not null;
  end if;

  -- dispute_status says on a payment's row what has become of a dispute about it; a dispute's own row carries its id.
  -- subtotal: what the items of the checkout session cost before discounts and tax, where all of its total was charged.
  -- shortfall: how much less was received than the checkout session asked for, in the currency of the payment intent.
  -- invoice_lines: of a subscription's invoice once it is finalized the lines of its items, in short: what credits are counted from.
  -- amount_lost: what lost disputes took, in the payment's currency; lost_in_other_currency: whether one took something in another.
  -- lost_at: of a dispute's own row, when it was lost.
  -- by_backend: another backend wrote the row; what it says stands when a refund or dispute of Stripe's names it.
  if to_regclass('payments.payment_history') is null then
    create table payments.payment_history (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      type text not null
        check (type = any ('{one_time_payment,subscription_invoice,refund,failed_payment,dispute}')),
      status text not null,
      subject_type text,
      subject_id text,
      stripe_customer_id text,
      customer_email_snapshot text,
      stripe_checkout_session_id text,
      stripe_payment_intent_id text,
      stripe_invoice_id text,
      stripe_charge_id text,
      stripe_refund_id text,
      stripe_dispute_id text,
      stripe_subscription_id text,
      stripe_product_id text,
      stripe_price_id text,
      amount bigint,
      amount_refunded bigint,
      subtotal bigint,
      shortfall bigint,
      amount_lost bigint,
      lost_in_other_currency boolean not null default false,
      lost_at timestamptz,
      by_backend boolean not null default true,
      line_items jsonb,
      currency text,
      description text,
      dispute_status text,
      paid_at timestamptz,
      failed_at timestamptz,
      refunded_at timestamptz,
      stripe_created_at timestamptz,
      invoice_lines jsonb,
      raw jsonb not null default '{}',
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    ) with (fillfactor = 85);
    create unique index payment_history_payment_intent_idx
      on payments.payment_history (stripe_payment_intent_id, environment)
      where stripe_payment_intent_id is not null and type <> 'refund';
    create unique index payment_history_checkout_session_idx
      on payments.payment_history (stripe_checkout_session_id, environment)
      where stripe_checkout_session_id is not null and type <> 'refund';
    create unique index payment_history_invoice_idx
      on payments.payment_history (stripe_invoice_id, environment)
      where stripe_invoice_id is not null and type <> 'refund';
    create unique index payment_history_refund_idx
      on payments.payment_history (stripe_refund_id, environment) where stripe_refund_id is not null;
    create unique index payment_history_dispute_idx
      on payments.payment_history (stripe_dispute_id, environment) where stripe_dispute_id is not null;
    -- What went back of a subscription's money.
    create index payment_history_returned_idx on payments.payment_history (stripe_subscription_id)
      where type = 'subscription_invoice' and (amount_refunded > 0 or dispute_status is not null);
    create index payment_history_subscription_idx
      on payments.payment_history (stripe_subscription_id, environment) where invoice_lines is not null;
    -- A payment that has nothing but its charge is found by that, and so is one that another backend wrote.
    create index payment_history_charge_idx
      on payments.payment_history (stripe_charge_id, environment)
      where (by_backend or (stripe_payment_intent_id is null and stripe_checkout_session_id is null and stripe_invoice_id is null))
        and type <> 'refund' and type <> 'dispute';
  end if;

  -- no_access_since: since when its status gives no access any more, by all events of it.
  if to_regclass('payments.subscriptions') is null then
    create table payments.subscriptions (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_subscription_id text not null,
      stripe_customer_id text,
      subject_type text,
      subject_id text,
      status text not null,
      current_period_start timestamptz,
      current_period_end timestamptz,
      cancel_at_period_end boolean not null default false,
      cancel_at timestamptz,
      canceled_at timestamptz,
      no_access_since timestamptz,
      pause_collection text,
      pause_resumes_at timestamptz,
      trial_start timestamptz,
      trial_end timestamptz,
      latest_invoice_id text,
      metadata jsonb not null default '{}',
      raw jsonb not null default '{}',
      synced_at timestamptz not null default now(),
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (stripe_subscription_id, environment)
    );
    create index subscriptions_customer_idx on payments.subscriptions (stripe_customer_id, environment);
    create index subscriptions_subject_idx
      on payments.subscriptions (subject_type, subject_id) where subject_id is not null;
  end if;

  if to_regclass('payments.subscription_items') is null then
    create table payments.subscription_items (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_subscription_item_id text not null,
      stripe_subscription_id text not null,
      stripe_product_id text,
      stripe_price_id text,
      quantity bigint,
      current_period_start timestamptz,
      current_period_end timestamptz,
      metadata jsonb not null default '{}',
      raw jsonb not null default '{}',
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (stripe_subscription_item_id, environment)
    );
    create index subscription_items_subscription_idx
      on payments.subscription_items (stripe_subscription_id, environment);
  end if;

  -- The features that Stripe's own Entitlements say a customer has now.
  if to_regclass('payments.active_entitlements') is null then
    create table payments.active_entitlements (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_customer_id text not null,
      lookup_key text not null,
      stripe_entitlement_id text not null,
      stripe_feature_id text,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (stripe_customer_id, lookup_key, environment)
    );
  end if;

  -- payload: the body, byte for byte as it was signed, and signature the header that signed it, so that a stored event can be
  -- verified again. A body that jsonb would refuse (it holds a NUL, say) is in signed_body; payload then holds id, type, created
  -- and the reason, so that no reader's query fails on it. conflict: a mapping that this event asked for and another, earlier
  -- evidence refused.
  if to_regclass('payments.webhook_events') is null then
    create table payments.webhook_events (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_event_id text not null,
      event_type text not null,
      livemode boolean,
      stripe_account_id text,
      object_type text,
      object_id text,
      processing_status text not null default 'pending'
        check (processing_status = any ('{pending,processed,failed,ignored}')),
      attempt_count integer not null default 0,
      last_error text,
      conflict text,
      refused_count integer not null default 0,
      payload json,
      signed_body text,
      signature text,
      received_at timestamptz not null default now(),
      processed_at timestamptz,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (stripe_event_id, environment)
    );
    -- A body of 2 kB or more is compressed and stays in the row; out of line it would be rows and index entries of its own. The
    -- same for the columns beside it, which the server would else move out of a large row before it compresses the body.
    execute (select 'alter table payments.webhook_events ' || string_agg(format('alter column %I set storage main', a.attname), ', ')
               from pg_attribute a where a.attrelid = 'payments.webhook_events'::regclass and a.attnum > 0 and a.attstorage = 'x');
    -- Of payments the facts name the events, unless these changed nothing; of what is mirrored only the newest snapshots are kept
    -- as facts.
    create index webhook_events_object_idx on payments.webhook_events (object_id, environment)
      where object_type in ('customer', 'subscription', 'payment_method', 'product', 'price')
         or processing_status in ('failed', 'ignored') or conflict is not null or refused_count > 0;
    create index webhook_events_received_idx on payments.webhook_events using brin (received_at);
    -- Those that somebody must look after are few.
    create index webhook_events_open_idx on payments.webhook_events (received_at) where processing_status = any ('{failed,pending}');
  end if;

  -- Nobody writes these two but the projection, whose environment is a type; a CHECK is parsed anew for every row.
  --
  -- What each event or sync said of each Stripe object. Of a payment's objects every statement is kept (they are small);
  -- of a mirrored object (customer, subscription, payment method, product, price) only those that may still decide which is the newest.
  if to_regclass('payments.facts') is null then
    create table payments.facts (
      environment text not null,
      object_id text collate "C" not null,
      event_id text collate "C" not null,
      object_type text not null,
      group_id text collate "C",
      stripe_customer_id text collate "C",
      stripe_subscription_id text collate "C",
      keys text[] collate "C" not null default '{}',
      statement json not null,
      primary key (object_id, event_id, environment)
    );
    create index facts_group_id_idx on payments.facts (group_id, environment) where group_id is not null;
    create index facts_customer_idx
      on payments.facts (stripe_customer_id, environment) where stripe_customer_id is not null;
    create index facts_subscription_idx
      on payments.facts (stripe_subscription_id, environment) where stripe_subscription_id is not null;
  end if;

  -- Every Stripe id that a fact has named, and the group of facts (its group_id) that it belongs to: facts that share an id
  -- speak of one payment.
  if to_regclass('payments.fact_links') is null then
    create table payments.fact_links (
      environment text not null,
      key text collate "C" not null,
      group_id text collate "C" not null,
      primary key (key, environment)
    );
  end if;

  -- lz4 takes half the time of pglz, and not every server was built with it.
  for wide in select c.oid::regclass as name, a.attname as attribute
      from (values
           ('products', 'raw'), ('prices', 'raw'), ('customers', 'raw'), ('subscriptions', 'raw'), ('subscription_items', 'raw'),
           ('webhook_events', 'payload'), ('webhook_events', 'signed_body'), ('facts', 'statement')) as w (relation, attribute)
      join pg_catalog.pg_class c on c.relnamespace = 'payments'::regnamespace and c.relname = w.relation
      join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = w.attribute and a.attcompression = ''
      join pg_catalog.pg_settings s on s.name = 'default_toast_compression' and 'lz4' = any (s.enumvals)
  loop
    execute format('alter table %s alter column %I set compression lz4', wide.name, wide.attribute);
  end loop;
end
$install$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   secrets

set local search_path = pg_catalog, pg_temp;

-- Whose events are one's own.

/* Says which Stripe account is the environment's own. Stripe names no account in the events of one's own; those of connected accounts,
   and of an organization's, name theirs and are ignored, all but this one's. Raises 22023. */
create function payments.set_stripe_account(environment text, stripe_account_id text) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.set_stripe_account_body(environment text, stripe_account_id text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  perform payments.hide_secrets_from_log(array[environment, stripe_account_id]);
  perform payments.check_environment(environment);
  if stripe_account_id is null or stripe_account_id !~ '^acct_[0-9A-Za-z]{1,250}$' then
    raise exception 'stripe_account_id must be the id of a Stripe account'
      using errcode = '22023', detail = payments.without_secrets(format('Given: %s.', coalesce(left(stripe_account_id, 100), 'null'))),
            hint = 'Pass the acct_… that Stripe''s dashboard shows under Settings, Account details.';
  end if;
  perform set_config('search_path', payments.ordinary_search_path(), true);
  insert into payments.stripe_connections as c (environment, stripe_account_id)
  values (set_stripe_account_body.environment, set_stripe_account_body.stripe_account_id)
  on conflict on constraint stripe_connections_environment_key do update
     set stripe_account_id = excluded.stripe_account_id
   where (c.stripe_account_id operator(pg_catalog.=) excluded.stripe_account_id) is not true;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
end
$$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   secrets
--   project::triggers::follow_mapping

set local search_path = pg_catalog, pg_temp;

-- A mapping that comes, goes or changes takes every earlier payment and subscription of its customer with it, in the same
-- transaction, whoever wrote it (follow_mapping()). One that an admin writes (it has no evidence) stands above what sessions claim.

create function payments.on_mapping_changed() returns trigger
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_anyone';

create function payments.on_mapping_changed_body() returns trigger
  language plpgsql set search_path = pg_catalog, pg_temp
as $function$
begin
  if tg_relid is distinct from to_regclass('payments.stripe_customer_mappings') then
    raise exception 'on_mapping_changed() is made for payments.stripe_customer_mappings'
      using errcode = 'trigger_protocol_violated', detail = format('It was called for %s.', tg_relid::regclass),
            hint = 'Do not put it on another table.';
  end if;
  if tg_op = 'INSERT' then
    -- An admin's own word stands above what was derived, and takes its place.
    perform set_config('search_path', payments.ordinary_search_path(), true);
    delete from payments.stripe_customer_mappings m
     where m.environment operator(pg_catalog.=) new.environment and m.evidence_event_id is not null
       and m.stripe_customer_id operator(pg_catalog.=) new.stripe_customer_id
       and not (m.subject_type operator(pg_catalog.=) new.subject_type and m.subject_id operator(pg_catalog.=) new.subject_id);
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    return new;
  end if;
  -- What is derived changes with its evidence; whoever else writes a mapping makes it an own one.
  if (new.evidence_created, new.evidence_event_id) is not distinct from (old.evidence_created, old.evidence_event_id) then
    new.evidence_created := null;
    new.evidence_event_id := null;
  end if;
  return new;
end
$function$;

do $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;
  if not exists (select from pg_trigger where tgrelid = 'payments.stripe_customer_mappings'::regclass
                   and tgname = 'payments_mapping_changed') then
    create trigger payments_mapping_changed
      after insert or delete or update of environment, subject_type, subject_id, stripe_customer_id
      on payments.stripe_customer_mappings for each row execute function payments.follow_mapping();
    alter trigger payments_mapping_changed on payments.stripe_customer_mappings depends on extension payments;
    create trigger payments_own_mapping
      before insert on payments.stripe_customer_mappings for each row when (new.evidence_event_id is null)
      execute function payments.on_mapping_changed();
    alter trigger payments_own_mapping on payments.stripe_customer_mappings depends on extension payments;
    create trigger payments_evidence_of_mapping
      before update on payments.stripe_customer_mappings for each row execute function payments.on_mapping_changed();
    alter trigger payments_evidence_of_mapping on payments.stripe_customer_mappings depends on extension payments;
  end if;
end
$install$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   sessions

set local search_path = pg_catalog, pg_temp;

-- Checkout defaults, and the parameters of a checkout's request, which they become a part of. What may be said, and how it is merged, is
-- in core/src/session/defaults/.

do $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;
  -- Of an environment (stripe_price_id is null), or of the sessions there with a price.
  if to_regclass('payments.checkout_defaults') is null then
    create table payments.checkout_defaults (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_price_id text,
      params jsonb not null check (jsonb_typeof(params) = 'object'),
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    );
    create unique index checkout_defaults_price_idx on payments.checkout_defaults ((coalesce(stripe_price_id, '')), environment);
  end if;
end
$install$;

/* Says once what each checkout of an environment should have besides what its row says: taxes, promotion codes, trials, shipping, locale,
   how the page is shown. With a price it counts for sessions with that price, over what is said of the environment. It takes the place
   of what was said before; null or {} says nothing. Parameters are named and nested as Stripe's API has them; requests that were made
   before stay as they are.

   Raises 22023: a parameter that is not allowed, which DETAIL names, or a value that Stripe does not take; HINT says which are.
   Source: https://docs.stripe.com/api/checkout/sessions/create. */
create function payments.set_checkout_defaults(environment text, params jsonb, price text default null) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.set_checkout_defaults_body(environment text, params jsonb, price text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  says_nothing boolean := coalesce($2, '{}') = '{}' or $2 = 'null';
begin
  perform payments.hide_secrets_from_log(array[$1, $2::text, $3]);
  perform payments.check_environment($1);
  -- Another name of a price, its lookup key say, would be stored and reach no checkout.
  if $3 !~ '^[^[:space:][:cntrl:]]{1,255}$' or $3 ~ '^prod_'
     or $3 is not null and not says_nothing and payments.is_product($1, $3) is distinct from false
  then
    raise exception 'price must be the id of a price'
      using errcode = '22023', detail = payments.without_secrets(format('Given: %s.', left($3, 100))),
            hint = coalesce(payments.without_secrets((
              select format('Pass %s, whose lookup key that is.', p.stripe_price_id)
                from payments.prices p
               where p.environment = $1 and p.lookup_key = $3 and p.active order by p.stripe_price_id limit 1)),
              'Pass a price_… or another id that the catalog knows there, or null for all checkouts of the environment. A product has no defaults of its own.');
  end if;
  if says_nothing then
    delete from payments.checkout_defaults d where d.environment = $1 and coalesce(d.stripe_price_id, '') = coalesce($3, '');
    return;
  end if;
  perform payments.check_checkout_defaults($2);
  insert into payments.checkout_defaults as d (environment, stripe_price_id, params)
  values ($1, $3, $2)
  on conflict (environment, (coalesce(stripe_price_id, ''))) do update set params = excluded.params, updated_at = now();
end
$$;

-- What was said, of the environment where the price is null; the expiry in seconds.
create function payments.checkout_defaults_of(environment text, price text) returns jsonb
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
    select case when d.params ? 'expires_after'
                then d.params || jsonb_build_object('expires_after', floor(extract(epoch from (d.params ->> 'expires_after')::interval))::bigint)
                else d.params end
      from payments.checkout_defaults d
     where d.environment = $1 and coalesce(d.stripe_price_id, '') = coalesce($2, '')), '{}')
$$;

-- The line items of a session: price, quantity and what the catalog knows of the price. Of what is billed by usage Stripe takes no quantity.
create function payments.session_items(session payments.checkout_session)
  returns table (place bigint, price text, quantity jsonb, known boolean, recurring boolean, currency text)
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select i.place, i.price, case when p.raw #>> '{recurring,usage_type}' = 'metered' then null else i.quantity end, p.stripe_price_id is not null,
         case when p.stripe_price_id is not null then coalesce(p.type = 'recurring', p.recurring_interval is not null) end, p.currency
    from (select e.place, coalesce(e.item ->> 'price', e.item ->> 'stripePriceId') as price, coalesce(e.item -> 'quantity', '1') as quantity
            from jsonb_array_elements(session.line_items) with ordinality as e(item, place)) i
    left join payments.prices p on p.environment = session.environment and p.stripe_price_id = i.price
$$;

-- The currency to pay in: the order's, so that no other pays it, else that of the prices, where the catalog knows one of all. Stripe takes a
-- currency that each price has, as its own or among its options, and refuses the session otherwise: better no payment than one that does
-- not fit the order. A caller is told nothing of an order that is another's: it would not be paid by this session.
create function payments.checkout_currency(session payments.checkout_session) returns text
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(payments.order_currency(session.metadata ->> 'order_id', case
      when session.guest or session.created_by is not null then array_remove(array[session.created_by, session.subject_id], null) end), (
    select lower(min(i.currency))
      from payments.session_items(session) i
    having count(*) = count(i.currency) and count(distinct lower(i.currency)) = 1));
end
$$;

-- Whether a subject had a trial: a subscription of its own with one, or a completed session that asked for one.
create function payments.had_trial(environment text, subject_type text, subject_id text) returns boolean
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select exists (
      select from payments.subscriptions s
       where s.environment = $1 and s.subject_type = $2 and s.subject_id = $3
         and (s.trial_start is not null or s.trial_end is not null or s.status = 'trialing'))
    or exists (
      select from payments.checkout_sessions s
       where s.environment = $1 and s.subject_type = $2 and s.subject_id = $3
         and s.status = 'completed' and s.request #> '{params,subscription_data,trial_period_days}' is not null)
$$;

-- Whether a session's subject never had a trial and is not about to have one. Another session counts while its page can be paid: a day after
-- its request was made (Stripe keeps a session open that long, and forgets an idempotency key then), a month where Stripe may recover it;
-- and for good once it is completed. One that failed counts as long: Stripe may have made it, though its answer never came. A read-only
-- transaction gives no trial, because the request is not saved there, so that no other session would count the trial.
create function payments.may_have_trial(session payments.checkout_session) returns boolean
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if session.subject_id is null or current_setting('transaction_read_only') = 'on' then
    return false;
  end if;
  perform payments.lock_trials(session.environment, session.subject_type, session.subject_id);
  return not payments.had_trial(session.environment, session.subject_type, session.subject_id)
    and not exists (
      select from payments.checkout_sessions s
       where s.environment = session.environment and s.subject_type = session.subject_type and s.subject_id = session.subject_id
         and s.id <> session.id and s.request #> '{params,subscription_data,trial_period_days}' is not null
         and case s.status
               when 'expired' then s.request #> '{params,after_expiration,recovery,enabled}' = 'true' and s.updated_at > now() - interval '31 days'
               else s.updated_at > now() - interval '25 hours' end);
end
$$;

create function payments.checkout_params(session payments.checkout_session) returns jsonb
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  request jsonb;
  params jsonb;
begin
  select jsonb_build_object(
           'version', payments.stripe_version(),
           'defaults', payments.checkout_defaults_of(session.environment, null),
           'prices', jsonb_agg(jsonb_build_object('price', i.price, 'recurring', i.recurring,
                                                  'params', payments.checkout_defaults_of(session.environment, i.price)) order by i.place),
           'row', jsonb_build_object(
             'mode', session.mode,
             'line_items', jsonb_agg(jsonb_strip_nulls(jsonb_build_object('price', i.price, 'quantity', i.quantity)) order by i.place),
             'success_url', session.success_url,
             'cancel_url', session.cancel_url,
             'client_reference_id', session.id::text,
             'metadata', payments.metadata_to_send(session)),
           'customer', (
             select m.stripe_customer_id
               from payments.stripe_customer_mappings m
              where m.environment = session.environment and m.subject_type = session.subject_type and m.subject_id = session.subject_id),
           'customer_email', session.customer_email,
           'has_subject', session.subject_id is not null,
           'currency', payments.checkout_currency(session),
           'may_have_trial', true,
           'now', floor(extract(epoch from clock_timestamp()))::bigint)
    into request
    from payments.session_items(session) i;
  params := payments.merged_checkout_params(request);
  if params #> '{subscription_data,trial_period_days}' is not null and not payments.may_have_trial(session) then
    params := payments.merged_checkout_params(request || '{"may_have_trial": false}');
  end if;
  return params;
end
$$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   sessions

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

-- src/lib.rs
-- requires:
--   sessions

set local search_path = pg_catalog, pg_temp;

-- What Stripe answered to the request of a session, and what went wrong.

-- An id in an answer of Stripe's, where it may stand alone or with its whole object.
create function payments.stripe_id(value jsonb) returns text
  language sql immutable set search_path = pg_catalog, pg_temp
as $$ select case jsonb_typeof(value) when 'object' then value ->> 'id' when 'string' then value #>> '{}' end $$;

create function payments.refuse_response(session_id uuid, why text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'response does not belong to this session'
    using errcode = '22023', detail = format('Session %s: %s', session_id, payments.without_secrets(why)),
          hint = 'Record the JSON that Stripe answered to this session''s own request; an error with payments.record_stripe_error().';
end
$$;

/* Records what Stripe answered to stripe_request: its id, url or client_secret, customer and what it pays for; the session is open (a portal
   session created, a subscription request completed).
   A webhook may have come first: what is known stays, and no status goes back. Returns the row.

   Raises P0002 (no such session), 22023 (not the response to this session's request). */
create function payments.record_stripe_response(session_id uuid, response jsonb) returns jsonb
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.record_stripe_response_body(session_id uuid, response jsonb) returns jsonb
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  checkout payments.checkout_session;
  portal payments.customer_portal_session;
  is_checkout boolean;
  environment text;
  known text;
  mapped text;
  row_now jsonb;
  customer text := payments.stripe_id(response -> 'customer');
begin
  perform payments.hide_secrets_from_log(array[response::text]);
  if exists (select from payments.subscription_requests s where s.id = session_id) then
    -- The row before its lease, as who claims it locks them.
    row_now := payments.record_subscription_response(session_id, response);
    perform payments.end_lease(session_id);
    return row_now;
  end if;
  -- Before the row: who has the whole projection may be waiting for that.
  perform payments.lock_projection_shared();
  select (jsonb_populate_record(null::payments.checkout_session, to_jsonb(s.*))).* into checkout
    from payments.checkout_sessions s where s.id = session_id for update;
  is_checkout := found;
  if not is_checkout then
    select (jsonb_populate_record(null::payments.customer_portal_session, to_jsonb(s.*))).* into portal
      from payments.customer_portal_sessions s where s.id = session_id for update;
    if not found then
      perform payments.no_such_session(session_id);
    end if;
    -- Whose portal it is: the customer that the request named, or the subject's as long as nobody has asked for it.
    select coalesce(s.stripe_customer_id, s.request #>> '{params,customer}', (
             select m.stripe_customer_id
               from payments.stripe_customer_mappings m
              where m.environment = s.environment and m.subject_type = s.subject_type and m.subject_id = s.subject_id)) into mapped
      from payments.customer_portal_sessions s where s.id = session_id;
  end if;
  environment := coalesce(checkout.environment, portal.environment);
  known := coalesce(checkout.recovered_from, checkout.stripe_checkout_session_id, portal.raw ->> 'id');

  if response ->> 'id' is null
     or response ->> 'object' is distinct from (case when is_checkout then 'checkout.session' else 'billing_portal.session' end) then
    perform payments.refuse_response(session_id, format('it is no %s.', case when is_checkout then 'checkout.session' else 'billing_portal.session' end));
  elsif (response -> 'livemode') <> to_jsonb(environment = 'live')
     or response ->> 'id' like (case environment when 'live' then 'cs\_test\_%' else 'cs\_live\_%' end) then
    perform payments.refuse_response(session_id, format('it says livemode %s, the session is of %s.',
                                                        coalesce(response ->> 'livemode', 'nothing'), environment));
  elsif known is distinct from (response ->> 'id') and known is not null then
    perform payments.refuse_response(session_id, format('%s is recorded, and it says %s.', known, response ->> 'id'));
  elsif is_checkout and response ->> 'client_reference_id' <> session_id::text then
    perform payments.refuse_response(session_id, format('it is the response to session %s.', response ->> 'client_reference_id'));
  elsif not is_checkout and mapped is not null and customer is distinct from mapped then
    perform payments.refuse_response(session_id, format('its customer is %s, and it says %s.', mapped, coalesce(customer, 'none')));
  elsif is_checkout and exists (
    select from payments.checkout_sessions s
     where s.environment = checkout.environment and s.stripe_checkout_session_id = response ->> 'id' and s.id <> session_id)
  then
    perform payments.refuse_response(session_id, format('%s is recorded for another session.', response ->> 'id'));
  end if;

  perform set_config('search_path', payments.ordinary_search_path(), true);
  if is_checkout then
    -- Only a webhook makes a session completed, expired or paid.
    update payments.checkout_sessions as s
       set status = case when s.status operator(pg_catalog.=) any (array['initialized', 'failed']) then 'open' else s.status end,
           stripe_checkout_session_id = case when s.recovered_from is null then response operator(pg_catalog.->>) 'id'
                                             else s.stripe_checkout_session_id end,
           claimed_by_session = null,
           url = coalesce(response operator(pg_catalog.->>) 'url', s.url),
           -- Of a session that a webhook moved on nobody needs it; of one that Stripe recovered from it, it is not.
           client_secret = case when s.status operator(pg_catalog.=) any (array['initialized', 'failed', 'open']) and s.recovered_from is null
                                then coalesce(response operator(pg_catalog.->>) 'client_secret', s.client_secret) end,
           stripe_customer_id = coalesce(s.stripe_customer_id, customer),
           stripe_payment_intent_id = coalesce(s.stripe_payment_intent_id,
                                               payments.stripe_id(response operator(pg_catalog.->) 'payment_intent')),
           stripe_subscription_id = coalesce(s.stripe_subscription_id,
                                             payments.stripe_id(response operator(pg_catalog.->) 'subscription')),
           payment_status = coalesce(s.payment_status, case
             when (response operator(pg_catalog.->>) 'payment_status') operator(pg_catalog.=) 'unpaid' then 'unpaid' end),
           last_error = case when s.status operator(pg_catalog.=) any (array['initialized', 'failed']) then null else s.last_error end,
           raw = case when s.status operator(pg_catalog.=) any (array['initialized', 'failed'])
                        or s.raw operator(pg_catalog.=) '{}' then response else s.raw end
     where s.id operator(pg_catalog.=) session_id;
    -- What was said of it before follows in a trigger.
    select pg_catalog.to_jsonb(s.*) into row_now from payments.checkout_sessions as s where s.id operator(pg_catalog.=) session_id;
  else
    update payments.customer_portal_sessions as s
       set status = 'created',
           url = coalesce(response operator(pg_catalog.->>) 'url', s.url),
           stripe_customer_id = coalesce(s.stripe_customer_id, customer),
           last_error = null,
           raw = response
     where s.id operator(pg_catalog.=) session_id
    returning pg_catalog.to_jsonb(s.*) into row_now;
  end if;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  perform payments.end_lease(session_id);
  return row_now;
end
$$;

/* Records that Stripe refused the request, or could not be reached: the session is failed, with the reason. What looks like
   a Stripe key is taken out of it. A session that Stripe has made already stays as it is. Returns the row.

   Raises P0002 (no such session). */
create function payments.record_stripe_error(session_id uuid, error text) returns jsonb
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.record_stripe_error_body(session_id uuid, error text) returns jsonb
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  row_now jsonb;
  reason text := left(payments.without_secrets(coalesce(error, 'unknown')), 2000);
begin
  perform payments.hide_secrets_from_log(array[error]);
  perform set_config('search_path', payments.ordinary_search_path(), true);
  update payments.checkout_sessions as s
     set status = 'failed', last_error = reason
   where s.id operator(pg_catalog.=) session_id and s.status operator(pg_catalog.=) any (array['initialized', 'failed'])
     and s.stripe_checkout_session_id is null
  returning pg_catalog.to_jsonb(s.*) into row_now;
  if row_now is null then
    update payments.customer_portal_sessions as s
       set status = 'failed', last_error = reason
     where s.id operator(pg_catalog.=) session_id and s.status operator(pg_catalog.=) any (array['initialized', 'failed'])
    returning pg_catalog.to_jsonb(s.*) into row_now;
  end if;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  if row_now is null then
    row_now := payments.record_subscription_error(session_id, reason);
  end if;
  perform payments.end_lease(session_id);
  if row_now is null then
    select to_jsonb(s.*) into row_now from payments.checkout_sessions s where s.id = session_id;
  end if;
  if row_now is null then
    select to_jsonb(s.*) into row_now from payments.customer_portal_sessions s where s.id = session_id;
  end if;
  if row_now is null then
    perform payments.no_such_session(session_id);
  end if;
  return row_now;
end
$$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   stripe_responses

set local search_path = pg_catalog, pg_temp;

-- Refuses what is neither test nor live.
create function payments.check_environment(environment text) returns void
  language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
  if environment is null or environment not in ('test', 'live') then
    raise exception 'environment must be test or live'
      using errcode = '22023', detail = payments.without_secrets(format('It is %s.', coalesce('"' || left(environment, 100) || '"', 'null'))),
            hint = 'Pass ''test'' or ''live''.';
  end if;
end
$$;

-- Live: refused until someone approves it by name.

create function payments.require_open_environment(environment text) returns void
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
  if environment = 'live' and not exists (
    select from payments.environments e where e.environment = 'live' and e.live_approved_at is not null)
  then
    raise exception 'live is not approved'
      using errcode = '55000', detail = 'Nobody has approved taking real money.',
            hint = 'An admin approves it with payments.approve_live(approved_by).';
  end if;
end
$$;

/* Approves taking real money. Needs a webhook secret of live and an active price of live: without the first no payment
   would be heard of, without the second there is nothing to sell. From now on no test payment or subscription gives anything
   that counts for live; what test subscriptions gave ends. Raises 22023 (nobody's name), 55000. */
create function payments.approve_live(approved_by text) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.approve_live_body(approved_by text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.hide_secrets_from_log(array[approved_by]);
  if approved_by is null or btrim(approved_by) = '' then
    raise exception 'approved_by must name who approves'
      using errcode = '22023', detail = 'It is null or blank.', hint = 'Pass a name or an e-mail address.';
  end if;
  if approved_by <> payments.without_secrets(approved_by) then
    raise exception 'approved_by looks like a stripe secret'
      using errcode = '22023', detail = 'It is not shown.', hint = 'Pass a name or an e-mail address.';
  end if;
  if not payments.has_webhook_secret('live') then
    raise exception 'live has no webhook secret'
      using errcode = '55000', detail = 'Payments would be taken and never heard of.',
            hint = 'Set it with payments.set_webhook_secret(''live'', secret).';
  end if;
  if not exists (select from payments.prices p where p.environment = 'live' and p.active) then
    raise exception 'live has no active price'
      using errcode = '55000', detail = 'No row of payments.prices is active in live.',
            hint = 'Sync the catalog with payments.sync_stripe_objects(''live'', objects).';
  end if;
  -- A test subscription that is being delivered is waited for, so that it ends with the others.
  lock table payments.fact_links in exclusive mode;
  update payments.environments e
     set live_approved_by = approve_live_body.approved_by, live_approved_at = now(), went_live_at = coalesce(e.went_live_at, now())
   where e.environment = 'live';
  perform payments.settle_subscriptions('test');
end
$$;

/* Takes the approval back: from now on live is refused, sessions and Stripe's events alike. Stripe sends an event again for
   three days, so what is approved by then is not lost. What was paid for in live goes on to count, and test does not. */
create function payments.revoke_live() returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.revoke_live_body() returns void
  language sql set search_path = pg_catalog, pg_temp
as $$
  update payments.environments set live_approved_by = null, live_approved_at = null where environment = 'live'
$$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   stripe_responses
--   session::change::guard_subscription_request

set local search_path = pg_catalog, pg_temp;

-- Asking to cancel, resume or change a subscription. The guard is in src/session/change.rs.

-- A request as the functions return it: the columns of the table, in their order.
create type payments.subscription_request as (
  id uuid,
  environment text,
  status text,
  subject_type text,
  subject_id text,
  created_by text,
  created_at timestamptz,
  updated_at timestamptz,
  stripe_subscription_id text,
  action text,
  stripe_price_id text,
  quantity bigint,
  stripe_subscription_item_id text,
  idempotency_key text,
  pending_update boolean,
  stripe_invoice_id text,
  last_error text,
  request jsonb
);

-- As whoever runs it: the caller, under his own row security, or, for a backend, the definer.
create function payments.insert_subscription_request(
  environment text, stripe_subscription_id text, action text, price text, quantity bigint, idempotency_key text
) returns payments.subscription_request
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  made jsonb;
  caller text := case when not payments.caller_is_admin() then payments.current_user_id() end;
begin
  -- An app's triggers on the table find the search_path of an ordinary session.
  perform set_config('search_path', payments.ordinary_search_path(), true);
  insert into payments.subscription_requests as s (environment, stripe_subscription_id, action, stripe_price_id, quantity, idempotency_key)
  values ($1, $2, $3, $4, $5, $6)
  on conflict (idempotency_key, created_by, environment) where idempotency_key is not null do nothing
  returning pg_catalog.to_jsonb(s.*) into made;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

  if made is null then
    select to_jsonb(s.*) into made
      from payments.subscription_requests s
     where s.idempotency_key = $6 and s.created_by is not distinct from caller and s.environment = $1
       and (s.stripe_subscription_id, s.action) = ($2, $3)
       and s.stripe_price_id is not distinct from $4 and s.quantity is not distinct from $5;
  end if;
  if made is null then
    raise exception 'idempotency key was used for another request'
      using errcode = 'PT409',
            detail = payments.without_secrets(format('Environment %s, key %s.', $1, $6)),
            hint = 'Use a new key for a new request; repeat a request unchanged to get its row again.';
  end if;
  return jsonb_populate_record(null::payments.subscription_request, made);
end
$$;

-- A backend's, so that an app's trigger on the table never runs as a superuser who calls.
create function payments.insert_subscription_request_of_backend(
  environment text, stripe_subscription_id text, action text, price text, quantity bigint, idempotency_key text
) returns payments.subscription_request
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.insert_subscription_request_of_backend_body(
  environment text, stripe_subscription_id text, action text, price text, quantity bigint, idempotency_key text
) returns payments.subscription_request
  language sql set search_path = pg_catalog, pg_temp
as $$ select payments.insert_subscription_request($1, $2, $3, $4, $5, $6) $$;

/* Asks, as the caller, to change a subscription of a subject that he may bill for, and returns the request. 'cancel' lets it end with the
   paid period, 'resume' undoes that, 'change' moves it to another price, another quantity, or both: Stripe invoices the difference at
   once, and changes nothing before that is paid. The same key and the same request by the same caller returns the first row. What
   becomes of the subscription is told by Stripe's events alone.

   A trial does not go on with another price, unless that is offered with one as long.

   Raises 22023 (a bad argument, or more of what costs nothing than payments.max_free_quantity), 42501 (nobody is signed in, or not the
   caller's subscription), 55000 (live is not approved, the subscription has ended or is paused, or Stripe cannot change it so), 23505
   (the subject has another subscription of that product), PT409 (the key was used for another request). */
create function payments.request_subscription_change(
  environment text, stripe_subscription_id text, action text, price text default null, quantity bigint default null,
  idempotency_key text default null
) returns payments.subscription_request
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if payments.caller_is_admin() then
    return payments.insert_subscription_request_of_backend($1, $2, $3, $4, $5, $6);
  end if;
  return payments.insert_subscription_request($1, $2, $3, $4, $5, $6);
end
$$;

-- How long a trial checkouts with a price have; null where there is none.
create function payments.trial_days(environment text, price text) returns integer
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select coalesce(payments.checkout_defaults_of($1, $2) #>> '{subscription_data,trial_period_days}',
                  payments.checkout_defaults_of($1, null) #>> '{subscription_data,trial_period_days}')::integer
$$;

-- What to send for a request. pending_if_incomplete goes with items, proration_behavior and trial_end, and not with cancel_at_period_end. Source:
-- https://docs.stripe.com/billing/subscriptions/pending-updates-reference, https://docs.stripe.com/api/subscriptions/update.
create function payments.subscription_params(asked payments.subscription_request) returns jsonb
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  now_there record;
  is_tried boolean;
  ends_trial boolean;
begin
  if asked.action = 'cancel' then
    return jsonb_build_object('cancel_at_period_end', true);
  elsif asked.action = 'resume' then
    -- Under flexible billing a scheduled end is only a date.
    return case
      when exists (
        select from payments.subscriptions s
         where s.stripe_subscription_id = asked.stripe_subscription_id and s.environment = asked.environment
           and s.cancel_at is not null and not s.cancel_at_period_end)
      then jsonb_build_object('cancel_at', '') else jsonb_build_object('cancel_at_period_end', false) end;
  end if;
  -- The quantity that goes on: of a change that Stripe took and no event has told yet, what that change said.
  select i.stripe_price_id as present_price,
         coalesce(asked.quantity, (
           select (r.request #>> '{params,items,0,quantity}')::bigint
             from payments.subscription_requests r
            where r.stripe_subscription_id = asked.stripe_subscription_id and r.environment = asked.environment
              and r.stripe_subscription_item_id = asked.stripe_subscription_item_id and r.action = 'change'
              and r.status = 'completed' and not r.pending_update and r.updated_at > i.updated_at
            order by r.created_at desc, r.id desc
            limit 1), i.quantity) as quantity,
         -- The present price goes with the quantity, for that was judged: the subscription may be at another, of which no event told
         -- yet. Stripe takes no price that is not sold any more.
         coalesce(asked.stripe_price_id, case when p.active then p.stripe_price_id end) as price,
         coalesce(p.raw #>> '{recurring,usage_type}' = 'metered', false) as metered into now_there
    from (select) one
    left join payments.subscription_items i
      on i.stripe_subscription_item_id = asked.stripe_subscription_item_id and i.environment = asked.environment
    left join payments.prices p
      on p.stripe_price_id = coalesce(asked.stripe_price_id, i.stripe_price_id) and p.environment = asked.environment;
  -- A trial is one of its price. It goes on with another only if that is offered with a trial as long as what is left.
  select coalesce(now_there.price is distinct from now_there.present_price and asked.stripe_price_id is not null
                  and (s.trial_end <= now() + payments.trial_days(asked.environment, asked.stripe_price_id) * interval '1 day') is not true, false)
    into ends_trial
    from payments.subscriptions s
   where s.stripe_subscription_id = asked.stripe_subscription_id and s.environment = asked.environment
     and (s.status = 'trialing' or s.trial_end > now());
  is_tried := found and not ends_trial;
  return case when ends_trial then '{"trial_end": "now"}' else '{}' end::jsonb || jsonb_build_object(
    -- Stripe takes 1 for a quantity that is not said beside a new price.
    'items', jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
       'id', asked.stripe_subscription_item_id, 'price', now_there.price,
       'quantity', case
         when now_there.metered then null
         -- The guard judged what the mirror said when it was asked for.
         when asked.created_by is not null
          and payments.gives_for_nothing(asked.environment, coalesce(asked.stripe_price_id, now_there.present_price), now_there.quantity,
                                         is_tried)
           then least(now_there.quantity, current_setting('payments.max_free_quantity')::bigint)
         else now_there.quantity end))),
    'proration_behavior', 'always_invoice',
    'payment_behavior', 'pending_if_incomplete');
end
$$;

-- stripe_request() of a subscription request; kept with the row, as that of a session is.
create function payments.request_of_subscription(request_id uuid) returns jsonb
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  asked payments.subscription_request;
  said jsonb;
begin
  if current_setting('transaction_read_only') = 'off' then
    perform from payments.subscription_requests s where s.id = request_id for no key update;
  end if;
  select (jsonb_populate_record(null::payments.subscription_request, to_jsonb(s.*))).* into asked
    from payments.subscription_requests s where s.id = request_id;
  perform payments.require_open_environment(asked.environment);
  if asked.request is not null then
    return asked.request;
  end if;
  said := jsonb_build_object(
    'method', 'POST', 'path', '/v1/subscriptions/' || asked.stripe_subscription_id,
    'idempotency_key', 'subscription_request_' || request_id, 'stripe_version', payments.stripe_version(), 'params', payments.subscription_params(asked));
  if current_setting('transaction_read_only') = 'off' then
    perform set_config('search_path', payments.ordinary_search_path(), true);
    update payments.subscription_requests as s set request = said where s.id operator(pg_catalog.=) request_id;
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  end if;
  return said;
end
$$;

-- The next request of the subscription was held back by this one.
create function payments.tell_of_next_change(asked payments.subscription_request) returns void
  language sql set search_path = pg_catalog, pg_temp
as $$
  select pg_notify('payments_sessions', asked.environment)
   where coalesce(current_setting('payments.notify_sessions', true), 'on')::boolean and exists (
     select from payments.subscription_requests s
      where s.stripe_subscription_id = asked.stripe_subscription_id and s.environment = asked.environment and s.status = 'initialized')
$$;

-- record_stripe_response() of a subscription request. Of Stripe's answer it keeps only whether the change waits for a payment, and of
-- which invoice: what the subscription is now, its events tell.
create function payments.record_subscription_response(request_id uuid, response jsonb) returns jsonb
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  asked payments.subscription_request;
  row_now jsonb;
  invoice text := payments.stripe_id(response -> 'latest_invoice');
  is_pending boolean := jsonb_typeof(response -> 'pending_update') is not distinct from 'object';
begin
  perform from payments.subscription_requests s where s.id = request_id for update;
  select (jsonb_populate_record(null::payments.subscription_request, to_jsonb(s.*))).* into asked
    from payments.subscription_requests s where s.id = request_id;
  if response ->> 'object' is distinct from 'subscription' or response ->> 'id' is distinct from asked.stripe_subscription_id then
    perform payments.refuse_response(request_id, format('it is not the subscription %s.', asked.stripe_subscription_id));
  elsif (response -> 'livemode') <> to_jsonb(asked.environment = 'live') then
    perform payments.refuse_response(request_id, format('it says livemode %s, the request is of %s.',
                                                        response ->> 'livemode', asked.environment));
  end if;
  -- The same answer comes twice where a first worker was slow; it changes nothing.
  perform set_config('search_path', payments.ordinary_search_path(), true);
  update payments.subscription_requests as s
     set status = 'completed', last_error = null,
         pending_update = s.action operator(pg_catalog.=) 'change' and is_pending,
         stripe_invoice_id = case when s.action operator(pg_catalog.=) 'change' and is_pending then invoice end
   where s.id operator(pg_catalog.=) request_id and s.status operator(pg_catalog.<>) 'completed';
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  perform payments.tell_of_next_change(asked);
  select to_jsonb(s.*) into row_now from payments.subscription_requests s where s.id = request_id;
  return row_now;
end
$$;

-- record_stripe_error() of a subscription request; null where there is none.
create function payments.record_subscription_error(request_id uuid, reason text) returns jsonb
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  row_now jsonb;
begin
  perform set_config('search_path', payments.ordinary_search_path(), true);
  update payments.subscription_requests as s
     set status = 'failed', last_error = reason
   where s.id operator(pg_catalog.=) request_id and s.status operator(pg_catalog.<>) 'completed';
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  select to_jsonb(s.*) into row_now from payments.subscription_requests s where s.id = request_id;
  perform payments.tell_of_next_change(jsonb_populate_record(null::payments.subscription_request, row_now));
  return row_now;
end
$$;

do $install$
declare
  statement text;
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;
  -- Types of subjects that were registered before this table was made.
  if to_regclass('payments_registry.subject_types') is not null then
    for statement in
      select payments.policy_ddl(d.relation, d.name, d.command, d.roles, d.using_expression, d.check_expression)
        from payments_registry.subject_types t cross join lateral payments.subject_policies(t.subject_type, t.predicate is not null) d
       where d.relation = 'payments.subscription_requests'
         and not exists (select from pg_policy p where p.polrelid = 'payments.subscription_requests'::regclass
                            and p.polname in (payments.subject_policy(t.subject_type, 'select'), payments.subject_policy(t.subject_type, 'insert')))
    loop
      execute statement;
    end loop;
  end if;
  if not exists (select from pg_trigger where tgrelid = 'payments.subscription_requests'::regclass and tgname = 'payments_guard') then
    create trigger payments_guard before insert on payments.subscription_requests
      for each row execute function payments.guard_subscription_request();
    alter trigger payments_guard on payments.subscription_requests depends on extension payments;
  end if;
  if not exists (select from pg_trigger where tgrelid = 'payments.subscription_requests'::regclass and tgname = 'payments_secrets') then
    create trigger payments_secrets
      before update of subject_type, subject_id, stripe_subscription_id, stripe_price_id, stripe_subscription_item_id, idempotency_key,
        stripe_invoice_id, last_error
      on payments.subscription_requests for each row
      execute function payments.keep_secrets_out();
    alter trigger payments_secrets on payments.subscription_requests depends on extension payments;
  end if;
end
$install$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   subjects
--   session::checkout::guard_checkout_session
--   session::portal::guard_portal_session
--   session::redaction::keep_secrets_out

set local search_path = pg_catalog, pg_temp;

-- Asking to pay: the callers' functions, and the request to Stripe. The guards are in src/session/.

-- A session as the functions return it: the columns of the table, in their order. A type of its own, since no member of the
-- extension may depend on a table.
create type payments.checkout_session as (
  id uuid,
  environment text,
  mode text,
  status text,
  payment_status text,
  subject_type text,
  subject_id text,
  created_by text,
  guest boolean,
  guest_transaction bigint,
  created_at timestamptz,
  updated_at timestamptz,
  customer_email text,
  line_items jsonb,
  success_url text,
  cancel_url text,
  idempotency_key text,
  metadata jsonb,
  stripe_checkout_session_id text,
  stripe_customer_id text,
  stripe_payment_intent_id text,
  stripe_subscription_id text,
  claimed_by_session text,
  recovered_from text,
  url text,
  client_secret text,
  last_error text,
  raw jsonb,
  request jsonb,
  request_digest text
);

create type payments.customer_portal_session as (
  id uuid,
  environment text,
  status text,
  subject_type text,
  subject_id text,
  stripe_customer_id text,
  return_url text,
  configuration_id text,
  url text,
  last_error text,
  raw jsonb,
  created_by text,
  request jsonb,
  created_at timestamptz,
  updated_at timestamptz
);

create function payments.touch_updated_at() returns trigger
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  new.updated_at := now();
  return new;
end
$$;

-- As whoever runs it: the caller, under his own row security, or, for a backend, the definer.
create function payments.insert_checkout_session(
  environment text, mode text, line_items jsonb, success_url text, cancel_url text,
  subject_type text default null, subject_id text default null, customer_email text default null,
  metadata jsonb default '{}', idempotency_key text default null
) returns payments.checkout_session
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  made jsonb;
  first jsonb;
  trusted boolean := payments.caller_is_admin();
  asked jsonb := jsonb_build_object(
    'mode', $2, 'subject_type', $6, 'subject_id', $7, 'customer_email', $8, 'line_items', $3, 'success_url', $4,
    'cancel_url', $5, 'metadata', coalesce($9, '{}'));
begin
  -- Of a backend's own INSERT the guard checks the forms only; through this function it asks as strictly as anyone. A
  -- request that is repeated was judged before, also if another caller has the plain key meanwhile (set_aside() of the core).
  if trusted and not exists (
    select from payments.checkout_sessions s
     where s.environment = $1 and s.idempotency_key in ($10, $10 || chr(31) || encode(sha256('backend'), 'hex'))
       and s.created_by is null and not s.guest)
  then
    perform payments.check_checkout_session($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9, '{}'), $10);
  end if;

  -- An app's triggers on the table find the search_path of an ordinary session.
  perform set_config('search_path', payments.ordinary_search_path(), true);
  insert into payments.checkout_sessions as s (environment, mode, line_items, success_url, cancel_url, subject_type, subject_id,
                                               customer_email, metadata, idempotency_key)
  values ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9, '{}'), $10)
  on conflict (environment, idempotency_key) where idempotency_key is not null do nothing
  returning pg_catalog.to_jsonb(s.*) into made;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

  if made is null then
    -- The guard has seen to it that the row with this key is the caller's own (src/session/checkout.rs).
    select to_jsonb(s.*) into first
      from payments.checkout_sessions s
     where s.environment = $1 and s.idempotency_key = $10;
    if first is null or coalesce(first ->> 'request_digest', payments.request_digest(first::text)) is distinct from payments.request_digest(asked::text) then
      raise exception 'idempotency key was used for another request'
        using errcode = 'PT409',
              detail = payments.without_secrets(format('Environment %s, key %s.', $1, $10)),
              hint = 'Use a new key for a new request; repeat a request unchanged to get its session again.';
    end if;
    made := first;
  end if;
  return jsonb_populate_record(null::payments.checkout_session, made);
end
$$;

-- A backend's, so that an app's trigger on the table never runs as a superuser who calls.
create function payments.insert_checkout_session_of_backend(
  environment text, mode text, line_items jsonb, success_url text, cancel_url text,
  subject_type text, subject_id text, customer_email text,
  metadata jsonb, idempotency_key text
) returns payments.checkout_session
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.insert_checkout_session_of_backend_body(
  environment text, mode text, line_items jsonb, success_url text, cancel_url text,
  subject_type text, subject_id text, customer_email text,
  metadata jsonb, idempotency_key text
) returns payments.checkout_session
  language sql set search_path = pg_catalog, pg_temp
as $$ select payments.insert_checkout_session($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) $$;

/* Inserts a checkout session as the caller and returns it. The same key and the same request by the same caller returns the
   first row, whatever its state.

   Raises 22023 (a bad argument), 42501 (not the caller's subject), 55000 (live is not approved), 23505 (the subject has a subscription
   of that product), PT409 (the key was used for another request). */
create function payments.create_checkout_session(
  environment text, mode text, line_items jsonb, success_url text, cancel_url text,
  subject_type text default null, subject_id text default null, customer_email text default null,
  metadata jsonb default '{}', idempotency_key text default null
) returns payments.checkout_session
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if payments.caller_is_admin() then
    return payments.insert_checkout_session_of_backend($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);
  end if;
  return payments.insert_checkout_session($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);
end
$$;

-- As whoever runs it, as insert_checkout_session.
create function payments.insert_portal_session(
  environment text, subject_type text, subject_id text, return_url text default null, configuration_id text default null
) returns payments.customer_portal_session
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  made jsonb;
begin
  if not payments.check_portal_session($1, $2, $3, $4, $5) then
    raise exception 'subject has no stripe customer'
      using errcode = 'PT404',
            detail = payments.without_secrets(format('Subject %s %s, environment %s.', $2, $3, $1)),
            hint = 'Its first completed checkout gives it one, unless another subject has that customer: then an admin maps one.';
  end if;
  perform set_config('search_path', payments.ordinary_search_path(), true);
  insert into payments.customer_portal_sessions as s (environment, subject_type, subject_id, return_url, configuration_id)
  values ($1, $2, $3, $4, $5)
  returning pg_catalog.to_jsonb(s.*) into made;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  return jsonb_populate_record(null::payments.customer_portal_session, made);
end
$$;

create function payments.insert_portal_session_of_backend(
  environment text, subject_type text, subject_id text, return_url text, configuration_id text
) returns payments.customer_portal_session
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.insert_portal_session_of_backend_body(
  environment text, subject_type text, subject_id text, return_url text, configuration_id text
) returns payments.customer_portal_session
  language sql set search_path = pg_catalog, pg_temp
as $$ select payments.insert_portal_session($1, $2, $3, $4, $5) $$;

/* Inserts a portal session as the caller and returns it. For a subject that has a Stripe customer.

   Raises 42501 (nobody is signed in, or not the caller's subject), PT404 (no customer: show "subscribe" instead), 22023, 55000.
   What raises leaves no row; a backend that keeps failed attempts inserts the row itself and then marks it as failed. */
create function payments.create_customer_portal_session(
  environment text, subject_type text, subject_id text, return_url text default null, configuration_id text default null
) returns payments.customer_portal_session
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if payments.caller_is_admin() then
    return payments.insert_portal_session_of_backend($1, $2, $3, $4, $5);
  end if;
  return payments.insert_portal_session($1, $2, $3, $4, $5);
end
$$;

create function payments.no_such_session(session_id uuid) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'session does not exist'
    using errcode = 'P0002', detail = format('Id %s.', coalesce(session_id::text, 'null')),
          hint = 'Pass the id of a row of checkout_sessions, customer_portal_sessions or subscription_requests.';
end
$$;

-- The metadata by which Stripe's objects are found again (projection.md): stamped here, refused from callers.
create function payments.linking_metadata(session payments.checkout_session) returns jsonb
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    p || 'checkout_session_id', session.id::text,
    p || 'checkout_mode', session.mode,
    p || 'subject_type', session.subject_type,
    p || 'subject_id', session.subject_id)
  from payments.metadata_prefix() p
$$;

-- The keys by which Stripe's objects could be found, whoever wrote them.
create function payments.linking_keys() returns text[]
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select array_agg(p || n)
    from unnest(payments.metadata_prefixes()) p, unnest('{checkout_session_id,checkout_mode,subject_type,subject_id}'::text[]) n
$$;

-- The metadata that goes to Stripe, which takes 50 keys: those that link back, then of the row's own the first in their order. A
-- linking key that the row does not imply (a backend may have written one) does not go.
create function payments.metadata_to_send(session payments.checkout_session) returns jsonb
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select sent.linking || (
    select coalesce(jsonb_object_agg(own.key, own.value), '{}')
      from (select m.key, m.value
              from jsonb_each(session.metadata - payments.linking_keys()) m
             order by m.key collate "C"
             limit 50 - (select count(*) from jsonb_object_keys(sent.linking))) own)
    from payments.linking_metadata(session) links, jsonb_strip_nulls(links) as sent (linking)
$$;

create function payments.portal_params(session payments.customer_portal_session) returns jsonb
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  customer text := (
    select m.stripe_customer_id
      from payments.stripe_customer_mappings m
     where m.environment = session.environment and m.subject_type = session.subject_type and m.subject_id = session.subject_id);
begin
  if customer is null then
    raise exception 'subject has no stripe customer'
      using errcode = 'PT404',
            detail = format('Subject %s %s, environment %s.', session.subject_type, session.subject_id, session.environment),
            hint = 'Its first completed checkout gives it one, unless another subject has that customer: then an admin maps one.';
  end if;
  return jsonb_strip_nulls(jsonb_build_object(
    'customer', customer, 'return_url', session.return_url, 'configuration', session.configuration_id));
end
$$;

/* The request to send to Stripe for a checkout or portal session, or a subscription request: method, path, idempotency_key, stripe_version
   (for the header Stripe-Version) and params, nested as Stripe's API names them. The same session gives the same request, so that it may
   be sent again under its key: what was said first is kept with the row, whatever becomes of the subject's customer, of checkout defaults
   or of a setting meanwhile.
   (Where nothing can be written, on a standby, it is said and not kept, and without a trial: nobody would count that.) Stripe takes 50 keys
   of metadata: the keys that link back go first, of the row's own as many as there is room for, in the order of their names; the others
   stay in the row.

   Raises P0002 (no such session), 55000 (live is not approved, or the session is over), PT404 (a portal for a subject without a
   customer), 25001 (a trial, under another isolation level than read committed), 22023 (payments.stripe_version). Source: https://docs.stripe.com/api/checkout/sessions/create, https://docs.stripe.com/api/customer_portal/sessions/create. */
create function payments.stripe_request(session_id uuid) returns jsonb
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.stripe_request_body(session_id uuid) returns jsonb
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  checkout payments.checkout_session;
  portal payments.customer_portal_session;
  kept jsonb;
  said jsonb;
  may_write boolean := current_setting('transaction_read_only') = 'off';
begin
  if exists (select from payments.subscription_requests s where s.id = session_id) then
    return payments.request_of_subscription(session_id);
  end if;
  if may_write then
    -- Of two who ask at once the second waits, and is told what the first was.
    perform from payments.checkout_sessions s where s.id = session_id for no key update;
    perform from payments.customer_portal_sessions s where s.id = session_id for no key update;
  end if;
  select (jsonb_populate_record(null::payments.checkout_session, to_jsonb(s.*))).* into checkout
    from payments.checkout_sessions s where s.id = session_id;
  if found then
    if checkout.status in ('completed', 'expired') then
      raise exception 'session is %', checkout.status
        using errcode = '55000', detail = format('Session %s.', session_id),
              hint = case when checkout.idempotency_key is null then 'Make a new session.'
                          else 'Make a new session under another idempotency key: this one''s is answered with this session.' end;
    end if;
    perform payments.require_open_environment(checkout.environment);
    select s.request into kept from payments.checkout_sessions s where s.id = session_id;
    said := coalesce(kept, jsonb_build_object(
      'method', 'POST', 'path', '/v1/checkout/sessions', 'idempotency_key', 'checkout_session_' || session_id,
      'stripe_version', payments.stripe_version(),
      'params', payments.checkout_params(checkout)));
  else
    select (jsonb_populate_record(null::payments.customer_portal_session, to_jsonb(s.*))).* into portal
      from payments.customer_portal_sessions s where s.id = session_id;
    if not found then
      perform payments.no_such_session(session_id);
    end if;
    perform payments.require_open_environment(portal.environment);
    select s.request into kept from payments.customer_portal_sessions s where s.id = session_id;
    said := coalesce(kept, jsonb_build_object(
      'method', 'POST', 'path', '/v1/billing_portal/sessions', 'idempotency_key', 'portal_session_' || session_id,
      'stripe_version', payments.stripe_version(),
      'params', payments.portal_params(portal)));
  end if;
  if kept is null and may_write then
    perform set_config('search_path', payments.ordinary_search_path(), true);
    update payments.checkout_sessions as s set request = said where s.id operator(pg_catalog.=) session_id;
    update payments.customer_portal_sessions as s set request = said
     where s.id operator(pg_catalog.=) session_id and checkout.id is null;
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  end if;
  return said;
end
$$;

do $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;
  if not exists (select from pg_trigger where tgrelid = 'payments.checkout_sessions'::regclass and tgname = 'payments_guard') then
    create trigger payments_guard before insert on payments.checkout_sessions
      for each row execute function payments.guard_checkout_session();
    alter trigger payments_guard on payments.checkout_sessions depends on extension payments;
  end if;
  if not exists (select from pg_trigger where tgrelid = 'payments.customer_portal_sessions'::regclass and tgname = 'payments_guard') then
    create trigger payments_guard before insert on payments.customer_portal_sessions
      for each row execute function payments.guard_portal_session();
    alter trigger payments_guard on payments.customer_portal_sessions depends on extension payments;
  end if;
  if not exists (select from pg_trigger where tgrelid = 'payments.checkout_sessions'::regclass and tgname = 'payments_secrets') then
    create trigger payments_secrets
      before update of subject_type, subject_id, customer_email, line_items, success_url, cancel_url, idempotency_key,
        metadata, status, stripe_checkout_session_id, stripe_customer_id, stripe_payment_intent_id, stripe_subscription_id, url,
        client_secret, last_error, raw
      on payments.checkout_sessions for each row
      execute function payments.keep_secrets_out();
    alter trigger payments_secrets on payments.checkout_sessions depends on extension payments;
  end if;
  if not exists (select from pg_trigger where tgrelid = 'payments.customer_portal_sessions'::regclass and tgname = 'payments_secrets') then
    create trigger payments_secrets
      before update of subject_type, subject_id, stripe_customer_id, return_url, configuration_id, url, last_error, raw
      on payments.customer_portal_sessions for each row
      execute function payments.keep_secrets_out();
    alter trigger payments_secrets on payments.customer_portal_sessions depends on extension payments;
  end if;
end
$install$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   subscription_requests

set local search_path = pg_catalog, pg_temp;

-- Who sends what waits: claim, postpone. Which rows wait is asked in src/session/waiting.rs.

create type payments.session_request as (
  session_id uuid,
  kind text,
  environment text,
  request jsonb,
  attempt integer,
  first_claimed_at timestamptz,
  lease_until timestamptz
);

-- For how long Stripe is sure to know an idempotency key: it forgets one after 24 hours.
create function payments.key_lifetime() returns interval
  language sql immutable set search_path = pg_catalog, pg_temp
as $$ select interval '23 hours' $$;

-- Why a row is not sent any more; null where it may be. A request may have been sent since it was claimed, or since it was asked for with
-- stripe_request(): after that time its key may be forgotten, and the same request would be done twice. A checkout or portal that
-- nobody sent in that time is no longer waited for; what was asked of a subscription is.
create function payments.too_late(kind text, session_id uuid) returns text
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select case
           when coalesce(l.first_claimed_at, case when r.asked then r.created_at end) < clock_timestamp() - payments.key_lifetime()
             then 'it was first sent to Stripe over 23 hours ago and no answer was recorded: Stripe may have forgotten its idempotency key, '
                  'so that it is not sent again; look at Stripe whether it was done'
           when too_late.kind <> 'subscription' and r.created_at < clock_timestamp() - payments.key_lifetime()
             then 'nobody sent it to Stripe for 23 hours, so that nobody waits for it any more; make a new session'
         end
    from (select s.created_at, s.request is not null as asked from payments.checkout_sessions s where $1 = 'checkout' and s.id = $2
          union all
          select s.created_at, s.request is not null from payments.customer_portal_sessions s where $1 = 'portal' and s.id = $2
          union all
          select s.created_at, s.request is not null from payments.subscription_requests s where $1 = 'subscription' and s.id = $2) r
    left join payments.request_leases l on l.session_id = $2
$$;

-- Claims one waiting row, which must be locked. Null if another worker claimed it meanwhile, or if it cannot be sent; then the row or its
-- lease says why. An error of one row does not stop the others.
create function payments.claim_request(kind text, session_id uuid, environment text, lease interval) returns payments.session_request
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  claimed payments.session_request;
  late text := payments.too_late(kind, session_id);
  said jsonb;
  wrong text;
begin
  if late is null then
    -- The snapshot that found the row may be older than another worker's lease, so the row of the lease decides.
    insert into payments.request_leases as l (session_id, environment, attempt, due_at)
    values (session_id, environment, 1, clock_timestamp() + lease)
    on conflict on constraint request_leases_pkey do update
       set attempt = l.attempt + 1, due_at = excluded.due_at, last_error = null,
           first_claimed_at = case l.attempt when 0 then clock_timestamp() else l.first_claimed_at end
     where l.due_at <= clock_timestamp()
    returning l.session_id, kind, l.environment, null::jsonb, l.attempt, l.first_claimed_at, l.due_at into claimed;
    if claimed.session_id is null then
      return null;
    end if;
  end if;
  -- The second turn records an error that the first found to be final: a portal without a customer, say.
  for turn in 1 .. 2 loop
    begin
      if late is not null then
        perform payments.record_stripe_error(session_id, late);
        return null;
      end if;
      select payments.stripe_request(session_id) into said;
      select claimed.session_id, claimed.kind, claimed.environment, said, claimed.attempt, claimed.first_claimed_at, claimed.lease_until
        into claimed;
      return claimed;
    exception
      when others then
        -- A cancel is not caught. An error that is not about this row is raised to the caller.
        if sqlstate ~ '^(40|53|57|58|XX)' then
          raise;
        end if;
        wrong := payments.without_secrets(format('%s: %s', sqlstate, sqlerrm));
    end;
    late := case when wrong ~ '^PT404' then substr(wrong, 8) end;
    exit when late is null;
  end loop;
  insert into payments.request_leases as l (session_id, environment, due_at, last_error)
  values (session_id, environment, clock_timestamp() + lease, wrong)
  on conflict on constraint request_leases_pkey do update set due_at = excluded.due_at, last_error = wrong;
  return null;
end
$$;

-- How many of something a worker claims at once.
create function payments.check_count(n integer) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if n is null or n not between 1 and 1000 then
    raise exception 'n must be from 1 to 1000'
      using errcode = '22023', detail = format('It is %s.', coalesce(n::text, 'null')), hint = 'Pass how many this worker can work on at once.';
  end if;
end
$$;

create function payments.check_lease(n integer, lease interval) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.check_count(n);
  if lease is null or not (lease between interval '1 second' and payments.key_lifetime()) then
    raise exception 'lease must be from 1 second to 23 hours'
      using errcode = '22023', detail = format('It is %s.', coalesce(lease::text, 'null')),
            hint = 'Pass how long this worker takes at most; after that another may claim the same.';
  end if;
end
$$;

/* Takes up to n rows of checkout_sessions, customer_portal_sessions and subscription_requests that wait to be sent to Stripe, the oldest
   first, for this worker alone, each with its exact request. A worker that neither records an answer nor postpones within the lease
   is taken for lost: the row is claimed again, with the same idempotency key. What was first claimed over 23 hours ago, or asked for with
   stripe_request() before that, is never given out again: it becomes failed, with the reason. Rows of live wait while live is not
   approved. Workers LISTEN payments_sessions; of one subscription's requests the next waits for the answer to the one before.

   Raises 22023 (n or lease). */
create function payments.claim_session_requests(n integer default 10, lease interval default '1 minute')
  returns setof payments.session_request
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.claim_session_requests_body(n integer, lease interval) returns setof payments.session_request
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  waiting record;
  claimed payments.session_request;
  given integer := 0;
  looked_at integer;
begin
  perform payments.check_lease(n, lease);
  -- What was answered by an event, or changed by the app, left its lease.
  delete from payments.request_leases l
   where l.ctid = any (array(
     select o.ctid from payments.request_leases o
      where o.due_at < clock_timestamp() - interval '1 hour'
        and not exists (select from payments.checkout_sessions s where s.id = o.session_id and s.status = 'initialized')
        and not exists (select from payments.customer_portal_sessions s where s.id = o.session_id and s.status = 'initialized')
        and not exists (select from payments.subscription_requests s where s.id = o.session_id and s.status = 'initialized')
      limit 100
        for update skip locked));
  -- Where another worker was faster, there may be more.
  for turn in 1 .. 5 loop
    looked_at := 0;
    for waiting in select w.kind, w.session_id, w.environment from payments.waiting_requests(n - given) w loop
      looked_at := looked_at + 1;
      claimed := payments.claim_request(waiting.kind, waiting.session_id::uuid, waiting.environment, lease);
      if claimed.session_id is not null then
        given := given + 1;
        return next claimed;
      end if;
    end loop;
    exit when given >= n or looked_at = 0;
  end loop;
end
$$;

/* Says that a request could not be sent, or got no final answer: it may be claimed again after the delay, under the same idempotency
   key, and waits till then. error says why; it stands in last_error meanwhile. What is answered already stays so.

   Raises P0002 (no such session), 22023 (the delay). */
create function payments.postpone_session_request(session_id uuid, delay interval, error text default null) returns void
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.postpone_session_request_body(session_id uuid, delay interval, error text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  reason text := left(payments.without_secrets(error), 2000);
  waits_in text;
begin
  perform payments.hide_secrets_from_log(array[error]);
  if delay is null or not (delay between interval '0' and payments.key_lifetime()) then
    raise exception 'delay must be from 0 to 23 hours'
      using errcode = '22023', detail = format('It is %s.', coalesce(delay::text, 'null')), hint = 'Pass when to try again.';
  end if;
  -- The row first, as who claims it does.
  select w.environment into waits_in
    from (select s.environment, s.status from payments.checkout_sessions s where s.id = $1
          union all
          select s.environment, s.status from payments.customer_portal_sessions s where s.id = $1
          union all
          select s.environment, s.status from payments.subscription_requests s where s.id = $1) w;
  if not found then
    perform payments.no_such_session(session_id);
  end if;
  perform from payments.checkout_sessions s where s.id = $1 for no key update;
  perform from payments.customer_portal_sessions s where s.id = $1 for no key update;
  perform from payments.subscription_requests s where s.id = $1 for no key update;

  perform set_config('search_path', payments.ordinary_search_path(), true);
  if reason is not null then
    update payments.checkout_sessions as s set last_error = reason
     where s.id operator(pg_catalog.=) $1 and s.status operator(pg_catalog.=) 'initialized';
    update payments.customer_portal_sessions as s set last_error = reason
     where s.id operator(pg_catalog.=) $1 and s.status operator(pg_catalog.=) 'initialized';
    update payments.subscription_requests as s set last_error = reason
     where s.id operator(pg_catalog.=) $1 and s.status operator(pg_catalog.=) 'initialized';
  end if;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

  if exists (select from payments.checkout_sessions s where s.id = $1 and s.status = 'initialized')
     or exists (select from payments.customer_portal_sessions s where s.id = $1 and s.status = 'initialized')
     or exists (select from payments.subscription_requests s where s.id = $1 and s.status = 'initialized')
  then
    insert into payments.request_leases as l (session_id, environment, due_at)
    values ($1, waits_in, clock_timestamp() + delay)
    on conflict on constraint request_leases_pkey do update set due_at = excluded.due_at;
  end if;
end
$$;

-- Forgets who had it: it is answered.
create function payments.end_lease(session_id uuid) returns void
  language sql set search_path = pg_catalog, pg_temp
as $$ delete from payments.request_leases l where l.session_id = $1 $$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   tables

set local search_path = pg_catalog, pg_temp;

-- The webhook secrets. The one table that stays a member of the extension, so that no dump holds it. It belongs to the installing
-- superuser and stands in a schema of its own, on which nobody has USAGE; row security is forced and there is no policy, so that
-- roles that may read or write all tables (pg_read_all_data, pg_write_all_data) find nothing in it and write nothing to it; the
-- planner keeps no statistics of it, which would hold a sample. Only the library's own code reads it, not through SQL
-- (src/pg/secret_table.rs). DROP EXTENSION forgets the secrets; set them again after a restore.

create schema payments_secret;
revoke all on schema payments_secret from public;

create table payments_secret.webhook_secrets (
  environment text not null check (environment = any ('{test,live}')),
  secret text not null,
  valid_from timestamptz not null,
  valid_until timestamptz
);
alter table payments_secret.webhook_secrets enable row level security;
alter table payments_secret.webhook_secrets force row level security;
alter table payments_secret.webhook_secrets
  alter column environment set statistics 0,
  alter column secret set statistics 0,
  alter column valid_from set statistics 0,
  alter column valid_until set statistics 0;

do $install$
begin
  if current_setting('row_security') = 'off' then
    raise notice 'payments: neither test nor live has a webhook secret, for a dump holds none; set them with payments.set_webhook_secret()';
  end if;
end
$install$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   tables

set local search_path = pg_catalog, pg_temp;

-- What is asked of Stripe and waits for its answer: the tables. Their functions are in requests.sql, subscription_requests.sql, reads.sql
-- and bridge.sql.

do $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;

  -- What a caller asks to change of a subscription. request: what stripe_request() said first. stripe_subscription_item_id: the item
  -- that a change is about. pending_update: Stripe changes nothing before stripe_invoice_id is paid.
  if to_regclass('payments.subscription_requests') is null then
    create table payments.subscription_requests (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      status text not null default 'initialized' check (status = any ('{initialized,completed,failed}')),
      subject_type text,
      subject_id text,
      created_by text,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      stripe_subscription_id text not null,
      action text not null check (action = any ('{cancel,resume,change}')),
      stripe_price_id text,
      quantity bigint,
      stripe_subscription_item_id text,
      idempotency_key text,
      pending_update boolean not null default false,
      stripe_invoice_id text,
      last_error text,
      request jsonb,
      check ((subject_type is null) = (subject_id is null))
    );
    -- A key belongs to its caller.
    create unique index subscription_requests_key_idx on payments.subscription_requests (idempotency_key, created_by, environment)
      nulls not distinct where idempotency_key is not null;
    create index subscription_requests_subject_idx
      on payments.subscription_requests (subject_type, subject_id) where subject_id is not null;
    create index subscription_requests_created_by_idx
      on payments.subscription_requests (created_by, created_at) where created_by is not null;
    create index subscription_requests_subscription_idx on payments.subscription_requests (stripe_subscription_id, created_at);
    create index subscription_requests_waiting_idx
      on payments.subscription_requests (created_at) where status = 'initialized';
  end if;

  -- Rows that wait to be sent. They leave these indexes when they are answered, so that the next one is found at once however many
  -- sessions there are.
  if to_regclass('payments.checkout_sessions_waiting_idx') is null then
    create index checkout_sessions_waiting_idx on payments.checkout_sessions (created_at) where status = 'initialized';
  end if;
  if to_regclass('payments.customer_portal_sessions_waiting_idx') is null then
    create index customer_portal_sessions_waiting_idx on payments.customer_portal_sessions (created_at) where status = 'initialized';
  end if;

  -- Who sends what. A row is made when a request is claimed or put off, and goes when its answer is recorded: a session that nobody
  -- claims costs nothing here. due_at: when it may be claimed (again).
  if to_regclass('payments.request_leases') is null then
    create table payments.request_leases (
      session_id uuid primary key,
      environment text not null check (environment = any ('{test,live}')),
      first_claimed_at timestamptz not null default clock_timestamp(),
      attempt integer not null default 0,
      due_at timestamptz not null,
      last_error text
    );
  end if;

  -- What is fetched from Stripe because a purchase waits for it, and how often that was tried.
  if to_regclass('payments.read_leases') is null then
    create table payments.read_leases (
      environment text not null check (environment = any ('{test,live}')),
      path text not null,
      first_claimed_at timestamptz not null default clock_timestamp(),
      attempt integer not null default 0,
      due_at timestamptz not null,
      primary key (path, environment)
    );
  end if;

  -- How far a backfill got.
  if to_regclass('payments.sync_progress') is null then
    create table payments.sync_progress (
      environment text not null check (environment = any ('{test,live}')),
      resource text not null,
      cursor text,
      objects bigint not null default 0,
      last_error text,
      started_at timestamptz not null default now(),
      finished_at timestamptz,
      updated_at timestamptz not null default now(),
      primary key (resource, environment)
    );
  end if;
end
$install$;

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   tables
--   fulfillment

set local search_path = pg_catalog, pg_temp;

-- Figures: what each subscription was when, what that brings in a month, and what came in each day. And notices: what workers are
-- told of invoices that are not paid and of subscriptions.

do $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;

  -- What each event, or a day's last look of a backfill, said of a subscription, in short. The changes are derived from it.
  if to_regclass('payments.subscription_history') is null then
    create table payments.subscription_history (
      environment text not null,
      stripe_subscription_id text collate "C" not null,
      event_id text collate "C" not null,
      created bigint not null,
      entry json not null,
      -- The coupons that it names without saying what they take.
      coupon_ids text[] collate "C",
      primary key (stripe_subscription_id, event_id, environment)
    );
    create index subscription_history_coupons_idx on payments.subscription_history using gin (coupon_ids)
     where coupon_ids is not null;
  end if;

  -- changed: start, status, ending, price, quantity, discount. mrr: what it brings in a month from then on, in minor units.
  -- is_complete: whether all is known that it takes to tell. is_presumed: no event told it, but the first snapshot lets it be
  -- presumed. is_ending: told to end with its period.
  if to_regclass('payments.subscription_changes') is null then
    create table payments.subscription_changes (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_subscription_id text not null,
      changed_at timestamptz not null,
      changed text[] not null,
      stripe_event_id text,
      stripe_customer_id text,
      status text not null,
      is_ending boolean not null default false,
      currency text,
      items jsonb not null default '[]',
      discounts jsonb not null default '[]',
      mrr bigint not null,
      previous_mrr bigint not null,
      is_complete boolean not null default true,
      is_presumed boolean not null default false,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (stripe_subscription_id, changed_at, environment)
    );
  end if;

  -- about: the invoice, session or subscription. source: which attempt or period of it. happens_at: when the trial or the period
  -- ends, or the subscription ended.
  if to_regclass('payments.notices') is null then
    create table payments.notices (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      kind text collate "C" not null,
      source text collate "C" not null,
      about text collate "C" not null,
      stripe_customer_id text,
      stripe_subscription_id text,
      stripe_invoice_id text,
      stripe_checkout_session_id text,
      amount_due bigint,
      currency text,
      attempt bigint,
      next_attempt_at timestamptz,
      hosted_invoice_url text,
      happens_at timestamptz,
      is_ending boolean not null default false,
      reason text,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (about, source, kind, environment)
    );
  end if;
end
$install$;

-- Makes the views where they are missing; see doctor_shape.sql.
create function payments.make_figure_views() returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;

  -- Money by the day in UTC on which it moved. A refund counts on its own day. What of a payment went back, and no row of a refund
  -- says, counts when the payment was first refunded. A refund in another currency than its payment's (the payer's own, that he was
  -- shown) counts as its share of what went back in the payment's. A dispute counts when it was lost. What went back of money that
  -- has no payment here counts nothing, as that money counts nothing.
  if to_regclass('payments.revenue_by_day') is null then
    create view payments.revenue_by_day with (security_invoker = true) as
    with payment as (
      select p.id, p.environment, p.currency, coalesce(p.amount, 0) as amount, coalesce(p.amount_refunded, 0) as refunded,
             coalesce(p.paid_at, p.stripe_created_at, p.created_at) as paid_at, p.refunded_at,
             p.stripe_payment_intent_id, p.stripe_checkout_session_id, p.stripe_invoice_id, p.stripe_charge_id
        from payments.payment_history p
       where p.type in ('one_time_payment', 'subscription_invoice') and p.status in ('succeeded', 'partially_refunded', 'refunded')
    ), returned as (
      select r.id, r.environment, r.type, r.currency, coalesce(r.amount, 0) as amount, r.amount_lost,
             coalesce(r.lost_at, r.refunded_at, r.stripe_created_at, r.created_at) as at,
             r.stripe_payment_intent_id, r.stripe_charge_id, r.stripe_invoice_id
        from payments.payment_history r
       where r.type = 'refund' and r.status in ('refunded', 'succeeded')
          or r.type = 'dispute' and (r.status = 'lost' or r.status like 'appeal\_%')
    ), link as (
      -- Each question by itself is one pass through the table.
      select r.id, p.id as payment_id from returned r join payment p
        on p.environment = r.environment and p.stripe_payment_intent_id = r.stripe_payment_intent_id
      union
      select r.id, p.id from returned r join payment p
        on p.environment = r.environment and p.stripe_charge_id = r.stripe_charge_id
      union
      select r.id, p.id from returned r join payment p
        on p.environment = r.environment and p.stripe_invoice_id = r.stripe_invoice_id
    ), of_payment as (
      select r.*, p.id as payment_id, p.currency as payment_currency, p.refunded as payment_refunded,
             sum(r.amount) over so_far as so_far, sum(r.amount) over (partition by p.id, r.type, r.currency = p.currency) as total
        from (select l.id, min(l.payment_id::text)::uuid as payment_id from link l group by l.id) l
        join returned r on r.id = l.id
        join payment p on p.id = l.payment_id
      window so_far as (partition by p.id, r.type, r.currency = p.currency order by r.at, r.id rows unbounded preceding)
    ), movement as (
      select p.environment, p.currency, p.paid_at as at, p.amount as gross, 0::bigint as refunded, 0::bigint as disputed from payment p
      union all
      select r.environment, r.payment_currency, r.at, 0,
             case when r.currency is null or r.payment_currency is null or r.currency = r.payment_currency then r.amount
                  when r.total > 0
                  then (floor(r.payment_refunded * r.so_far / r.total) - floor(r.payment_refunded * (r.so_far - r.amount) / r.total))::bigint
                  else 0 end, 0
        from of_payment r where r.type = 'refund'
      union all
      select p.environment, p.currency, coalesce(p.refunded_at, p.paid_at), 0, p.refunded - coalesce(r.told, 0), 0
        from payment p
        left join (
          select r.payment_id,
                 sum(case when r.currency is null or r.payment_currency is null or r.currency = r.payment_currency then r.amount end) as told,
                 bool_or(r.currency <> r.payment_currency) as is_foreign
            from of_payment r where r.type = 'refund' group by r.payment_id) r on r.payment_id = p.id
       where p.refunded > coalesce(r.told, 0) and r.is_foreign is not true
      union all
      select r.environment, coalesce(r.currency, r.payment_currency), r.at, 0, 0, coalesce(r.amount_lost, r.amount)
        from of_payment r where r.type = 'dispute'
    )
    select m.environment, (m.at at time zone 'UTC')::date as day, m.currency, sum(m.gross)::bigint as gross,
           sum(m.refunded)::bigint as refunded, sum(m.disputed)::bigint as disputed,
           (sum(m.gross) - sum(m.refunded) - sum(m.disputed))::bigint as net
      from movement m
     group by m.environment, (m.at at time zone 'UTC')::date, m.currency
    having sum(m.gross) <> 0 or sum(m.refunded) <> 0 or sum(m.disputed) <> 0;
  end if;

  -- At the end of each month in UTC (of this month: now), and what moved it since the end of the month before, customer by customer:
  -- the movements add up to the difference. A subscription without a customer is one of its own. Each currency counts by itself: a
  -- subscription whose currency changes leaves the one and comes to the other. is_complete: whether all is known that it takes to tell.
  if to_regclass('payments.monthly_recurring_revenue') is null then
    create view payments.monthly_recurring_revenue with (security_invoker = true) as
    with change as (
      select c.environment, c.currency, coalesce(c.stripe_customer_id, c.stripe_subscription_id) as customer,
             date_trunc('month', c.changed_at at time zone 'UTC')::date as month, c.mrr, c.is_complete, c.changed_at,
             lag(c.currency) over of_subscription as currency_before, lag(c.mrr) over of_subscription as mrr_before,
             lead(c.changed_at) over of_subscription as until
        from payments.subscription_changes c
       where c.changed_at <= now() and c.currency is not null
      window of_subscription as (partition by c.environment, c.stripe_subscription_id order by c.changed_at)
    ), difference as (
      select c.environment, c.currency, c.customer, c.month, c.mrr > 0 as pays,
             c.mrr - case when c.currency_before = c.currency then c.mrr_before else 0 end as difference
        from change c
      union all
      select c.environment, c.currency_before, c.customer, c.month, false, - c.mrr_before from change c
       where c.currency_before <> c.currency
    ), of_customer as (
      select d.environment, d.currency, d.customer, d.month, sum(d.difference)::bigint as difference, bool_or(d.pays) as pays
        from difference d
       group by d.environment, d.currency, d.customer, d.month
    ), moved as (
      select o.environment, o.currency, o.customer, o.month, sum(o.difference) over so_far as is,
             sum(o.difference) over so_far - o.difference as was,
             -- Also who came and went within an earlier month.
             coalesce(bool_or(o.pays) over (partition by o.environment, o.currency, o.customer order by o.month
                                            rows between unbounded preceding and 1 preceding), false) as paid_before
        from of_customer o
      window so_far as (partition by o.environment, o.currency, o.customer order by o.month)
    ), of_month as (
      select m.environment, m.currency, m.month,
             coalesce(sum(m.is) filter (where m.was = 0 and m.is > 0 and not m.paid_before), 0) as new,
             coalesce(sum(m.is) filter (where m.was = 0 and m.is > 0 and m.paid_before), 0) as reactivation,
             coalesce(sum(m.is - m.was) filter (where m.was > 0 and m.is > m.was), 0) as expansion,
             coalesce(sum(m.was - m.is) filter (where m.is > 0 and m.is < m.was), 0) as contraction,
             coalesce(sum(m.was) filter (where m.was > 0 and m.is = 0), 0) as churn
        from moved m
       group by m.environment, m.currency, m.month
    ), months as (
      select f.environment, f.currency, s.month::date as month
        from (select o.environment, o.currency, min(o.month) as first from of_month o group by o.environment, o.currency) f
       cross join lateral generate_series(f.first::timestamp, date_trunc('month', now() at time zone 'UTC'), interval '1 month') as s (month)
    )
    select n.environment, n.month, n.currency,
           sum(coalesce(o.new + o.reactivation + o.expansion - o.contraction - o.churn, 0)) over so_far ::bigint as mrr,
           coalesce(o.new, 0)::bigint as new, coalesce(o.reactivation, 0)::bigint as reactivation,
           coalesce(o.expansion, 0)::bigint as expansion, coalesce(o.contraction, 0)::bigint as contraction,
           coalesce(o.churn, 0)::bigint as churn,
           not exists (select from change c
                        where c.environment = n.environment and c.currency = n.currency and not c.is_complete
                          and c.changed_at < (n.month + interval '1 month') at time zone 'UTC'
                          and (c.until is null or c.until >= (n.month + interval '1 month') at time zone 'UTC')) as is_complete
      from months n
      left join of_month o on o.environment = n.environment and o.currency = n.currency and o.month = n.month
    window so_far as (partition by n.environment, n.currency order by n.month);
  end if;
end
$install$;

select payments.make_figure_views();

set local search_path = payments, pg_temp;

-- src/lib.rs
-- requires:
--   tables
--   identity

set local search_path = pg_catalog, pg_temp;

-- Giving what was bought: what a price gives (benefits), which of the app's tables it is written to (attachments), and what
-- became of each of those writes (fulfillments).

-- Whose subscriptions count where a table or a question names no environment: live's, once it was approved, else test's.
create function payments.effective_environment() returns text
  language sql stable set search_path = pg_catalog, pg_temp
as $$
  select case when exists (select from payments.environments e where e.environment = 'live' and e.went_live_at is not null)
              then 'live' else 'test' end
$$;

do $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;

  -- What a price buys can change without touching what was bought before: what a payment gave is recorded as its fulfillment.
  if to_regclass('payments.benefits') is null then
    create table payments.benefits (
      id uuid primary key default gen_random_uuid(),
      environment text not null check (environment = any ('{test,live}')),
      stripe_price_id text,
      stripe_product_id text,
      credits_per_unit bigint check (credits_per_unit > 0),
      key text check (key <> ''),
      duration interval check (duration > interval '0'),
      past_due boolean not null default false,
      paused boolean not null default true,
      until_period_end boolean not null default false,
      every interval check (every > interval '0'),
      trials boolean not null default false,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      check (num_nonnulls(stripe_price_id, stripe_product_id) = 1),
      check (num_nonnulls(credits_per_unit, key) = 1)
    );
    create unique index benefits_given_by_idx on payments.benefits
      ((coalesce(stripe_price_id, stripe_product_id)), (coalesce(key, '')), environment);
    create index benefits_by_product_idx on payments.benefits (environment) where stripe_product_id is not null;
  end if;

  -- relation is the table's name when it was attached: the ledger keeps it, whatever the table is called later. numbered: its
  -- last line tells a balance. superuser_owner: somebody said that a superuser may own it. target is a regclass in a schema of its own,
  -- as subject_types.members is (subjects.sql).
  if to_regclass('payments_registry.attachments') is null then
    create table payments_registry.attachments (
      kind text not null
        check (kind = any ('{orders,credit_ledger,user_entitlements,billing_status,fulfillment_jobs}')),
      relation text not null,
      target regclass not null,
      columns jsonb not null,
      subject_type text,
      numbered boolean not null default false,
      superuser_owner boolean not null default false,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      primary key (kind, relation)
    );
    create unique index attachments_target_idx on payments_registry.attachments (kind, target);
  end if;

  -- What a price gave when a line of a paid invoice was first looked at: it stays so, whatever becomes of the benefit. Without
  -- credits it gave none.
  if to_regclass('payments.credit_promises') is null then
    create table payments.credit_promises (
      environment text not null check (environment = any ('{test,live}')),
      stripe_subscription_id text collate "C" not null,
      stripe_invoice_id text collate "C" not null,
      stripe_price_id text collate "C" not null,
      benefit_source text,
      credits bigint,
      lasts interval,
      until_period_end boolean not null default false,
      every interval,
      trials boolean not null default false,
      created_at timestamptz not null default now(),
      primary key (stripe_subscription_id, stripe_invoice_id, stripe_price_id, environment)
    );
  end if;

  -- To whom a table's credits of an invoice were given.
  if to_regclass('payments.credit_holders') is null then
    create table payments.credit_holders (
      environment text not null check (environment = any ('{test,live}')),
      stripe_subscription_id text collate "C" not null,
      stripe_invoice_id text collate "C" not null,
      target_table text collate "C" not null,
      subject_type text not null,
      subject_id text not null,
      primary key (stripe_subscription_id, stripe_invoice_id, target_table, environment)
    );
  end if;

  -- Grants that lapse. source: the ledger's. amount: what stands of it. lapsed: how many of them lapsed, by the ledger; null
  -- until somebody looks, which is first at lapsed_at. settled: nothing but a change of the grant can change that any more.
  if to_regclass('payments.credit_lots') is null then
    create table payments.credit_lots (
      environment text not null check (environment = any ('{test,live}')),
      source text collate "C" not null,
      target_table text collate "C" not null,
      subject_type text not null,
      subject_id text not null,
      amount bigint not null,
      starts_at timestamptz not null,
      expires_at timestamptz not null,
      lapsed bigint,
      lapsed_at timestamptz,
      settled boolean not null default false,
      primary key (source, target_table, environment)
    );
    create index credit_lots_subject_idx on payments.credit_lots (subject_id, subject_type);
    create index credit_lots_due_idx on payments.credit_lots (expires_at) where lapsed is null;
  end if;

  -- When the next part of what a subscription gives is due, and to whom.
  if to_regclass('payments.credit_schedules') is null then
    create table payments.credit_schedules (
      environment text not null check (environment = any ('{test,live}')),
      stripe_subscription_id text collate "C" not null,
      target_table text collate "C" not null,
      subject_type text not null,
      subject_id text not null,
      next_at timestamptz not null,
      primary key (stripe_subscription_id, target_table, environment)
    );
    create index credit_schedules_subject_idx on payments.credit_schedules (subject_id, subject_type);
    create index credit_schedules_next_idx on payments.credit_schedules (next_at);
  end if;

  -- One row for each thing that a payment or subscription gives, should give or can't give. source: 'checkout:<local
  -- session>', 'subscription:<Stripe's id>', 'credit_note:<Stripe's id>' or 'fraud_warning:<Stripe's id>'.
  -- amount_due, granted, amount_reversed: credits, or the order's amount, or what a person is asked about. matches:
  -- the payment could pay the order. duration: for how long from the time it was paid, as it was promised. holder: whose key it is,
  -- where it was bought for a time and stands: what one holder buys of a key adds up. paid_at: when that was paid.
  -- prior_order_status: what the order was before its money went back. item: the order, the benefit, the key, the job, or
  -- 'undecided:<price>' of a line whose product is not known yet.
  if to_regclass('payments.fulfillments') is null then
    create table payments.fulfillments (
      id uuid not null default gen_random_uuid(),
      environment text not null,
      source text collate "C" not null,
      kind text collate "C" not null,
      target_table text collate "C" not null,
      item text collate "C" not null,
      state text not null,
      reason text,
      sqlstate text,
      attempts integer not null default 0,
      benefit_source text,
      amount_due bigint,
      granted bigint,
      amount_reversed bigint,
      currency text,
      duration interval,
      holder text collate "C",
      paid_at timestamptz,
      starts_at timestamptz,
      expires_at timestamptz,
      matches boolean not null default false,
      prior_order_status text,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      primary key (source, kind, target_table, item, environment),
      -- The server reads each constraint and each index's condition anew for every statement: so they are few, and short.
      constraint fulfillments_words check (
        environment = any ('{test,live}') and state = any ('{applied,reversed,needs_review,failed,skipped}'))
    );
    create index fulfillments_item_idx on payments.fulfillments (item, target_table)
      where kind = 'orders' or starts_with(item, 'undecided:');
    create index fulfillments_holder_idx on payments.fulfillments (holder, item, target_table) where holder is not null;
    create index fulfillments_open_idx on payments.fulfillments (environment, state) where state in ('needs_review', 'failed');
  end if;
end
$install$;

-- Makes the view where it is missing; see doctor_shape.sql.
create function payments.make_attachments_view() returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;

  -- target is null where the table is gone.
  if to_regclass('payments.attachments') is null then
    create view payments.attachments with (security_invoker = true) as
    select a.kind, a.relation,
           (select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = a.target) as target,
           a.columns, a.subject_type, a.numbered, a.superuser_owner, a.created_at, a.updated_at
      from payments_registry.attachments a;
  end if;
end
$install$;

select payments.make_attachments_view();

set local search_path = payments, pg_temp;

-- src/operate/backfill.rs
-- payments::operate::backfill::sync_stripe_objects
CREATE  FUNCTION "sync_stripe_objects"(
	"environment" TEXT, /* Option < & str > */
	"objects" jsonb /* Option < Jsonb > */
) RETURNS jsonb /* JsonB */
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'sync_stripe_objects_wrapper';

-- src/operate/backfill.rs
-- payments::operate::backfill::sync_stripe_objects
CREATE  FUNCTION "sync_stripe_objects"(
	"environment" TEXT, /* Option < & str > */
	"objects" jsonb, /* Option < Jsonb > */
	"as_of" timestamp with time zone /* Option < TimestampWithTimeZone > */
) RETURNS jsonb /* JsonB */

SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'sync_stripe_objects_as_of_wrapper';

-- src/operate/doctor.rs
-- payments::operate::doctor::library_version
CREATE  FUNCTION "library_version"() RETURNS TEXT /* & '_ str */
STRICT STABLE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'library_version_wrapper';

-- src/operate/doctor.rs
-- payments::operate::doctor::webhook_secret_terms
CREATE  FUNCTION "webhook_secret_terms"(
	"environment" TEXT /* Option < & str > */
) RETURNS TABLE (
	"valid_from" timestamp with time zone,  /* Option < TimestampWithTimeZone > */
	"valid_until" timestamp with time zone  /* Option < TimestampWithTimeZone > */
)
STABLE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'webhook_secret_terms_wrapper';

-- src/operate/event_types.rs
-- payments::operate::event_types::handled_event_types
CREATE  FUNCTION "handled_event_types"() RETURNS SETOF TEXT /* & '_ str */
IMMUTABLE STRICT PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'handled_event_types_wrapper';

-- src/operate/facts.rs
-- payments::operate::facts::payment_facts
CREATE  FUNCTION "payment_facts"(
	"id" uuid /* Option < Uuid > */
) RETURNS TABLE (
	"object_type" TEXT,  /* String */
	"object_id" TEXT,  /* String */
	"event_id" TEXT,  /* String */
	"event_created_at" timestamp with time zone,  /* TimestampWithTimeZone */
	"fact" jsonb,  /* JsonB */
	"snapshot" jsonb  /* Option < JsonB > */
)
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'payment_facts_wrapper';

-- src/operate/rebuild.rs
-- payments::operate::rebuild::rebuild_projections
CREATE  FUNCTION "rebuild_projections"(
	"environment" TEXT /* Option < & str > */
) RETURNS bigint /* i64 */
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'rebuild_projections_wrapper';

-- src/operate/rebuild.rs
-- payments::operate::rebuild::verify_projections
CREATE  FUNCTION "verify_projections"(
	"environment" TEXT /* Option < & str > */
) RETURNS TABLE (
	"relation" TEXT,  /* String */
	"key" TEXT,  /* String */
	"column_name" TEXT,  /* String */
	"stored" TEXT,  /* Option < String > */
	"derived" TEXT  /* Option < String > */
)
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'verify_projections_wrapper';

-- src/operate/replay.rs
-- payments::operate::replay::prune_webhook_events
CREATE  FUNCTION "prune_webhook_events"(
	"older_than" interval DEFAULT '90 days' /* Option < Interval > */
) RETURNS bigint /* i64 */
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'prune_webhook_events_wrapper';

-- src/operate/replay.rs
-- payments::operate::replay::replay_events
CREATE  FUNCTION "replay_events"(
	"environment" TEXT, /* Option < & str > */
	"event_ids" TEXT[] DEFAULT NULL /* :: std :: option :: Option < Vec < Option < String > > > */
) RETURNS jsonb /* JsonB */
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'replay_events_wrapper';

-- src/operate/signing.rs
-- payments::operate::signing::sign_test_event
CREATE  FUNCTION "sign_test_event"(
	"event" jsonb /* Option < Jsonb > */
) RETURNS TABLE (
	"payload" TEXT,  /* String */
	"signature" TEXT  /* String */
)
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'sign_test_event_wrapper';

-- src/operate/signing.rs
-- payments::operate::signing::stored_event_verifies
CREATE  FUNCTION "stored_event_verifies"(
	"environment" TEXT, /* Option < & str > */
	"stripe_event_id" TEXT /* Option < & str > */
) RETURNS bool /* Option < bool > */
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'stored_event_verifies_wrapper';

-- src/pg/guc.rs
-- payments::pg::guc::ordinary_search_path
CREATE  FUNCTION "ordinary_search_path"() RETURNS TEXT /* String */
STRICT STABLE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'ordinary_search_path_wrapper';

-- src/project/triggers.rs
-- payments::project::triggers::adopt_payments
create function payments.adopt_payments() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'adopt_payments_wrapper';

-- src/project/triggers.rs
-- payments::project::triggers::follow_mapping
create function payments.follow_mapping() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'follow_mapping_wrapper';

-- src/project/triggers.rs
-- payments::project::triggers::lock_projection_shared
CREATE  FUNCTION "lock_projection_shared"() RETURNS void
STRICT
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'lock_projection_shared_wrapper';

-- src/project/triggers.rs
-- payments::project::triggers::session_linked
CREATE  FUNCTION "session_linked"(
	"environment" TEXT, /* & str */
	"stripe_checkout_session_id" TEXT /* & str */
) RETURNS void
STRICT
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'session_linked_wrapper';

-- src/session/change.rs
-- payments::session::change::guard_subscription_request
create function payments.guard_subscription_request() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'guard_subscription_request_wrapper';

-- src/session/checkout.rs
-- payments::session::checkout::check_checkout_session
CREATE  FUNCTION "check_checkout_session"(
	"environment" TEXT, /* Option < String > */
	"mode" TEXT, /* Option < String > */
	"line_items" jsonb, /* Option < Jsonb > */
	"success_url" TEXT, /* Option < String > */
	"cancel_url" TEXT, /* Option < String > */
	"subject_type" TEXT, /* Option < String > */
	"subject_id" TEXT, /* Option < String > */
	"customer_email" TEXT, /* Option < String > */
	"metadata" jsonb, /* Option < Jsonb > */
	"idempotency_key" TEXT /* Option < String > */
) RETURNS void
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'check_checkout_session_wrapper';

-- src/session/checkout.rs
-- payments::session::checkout::guard_checkout_session
create function payments.guard_checkout_session() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'guard_checkout_session_wrapper';

-- src/session/checkout.rs
-- payments::session::checkout::request_digest
CREATE  FUNCTION "request_digest"(
	"session" TEXT /* & str */
) RETURNS TEXT /* String */
STRICT STABLE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'request_digest_wrapper';

-- src/session/defaults.rs
-- payments::session::defaults::check_checkout_defaults
CREATE  FUNCTION "check_checkout_defaults"(
	"params" jsonb /* Jsonb */
) RETURNS void
STRICT
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'check_checkout_defaults_wrapper';

-- src/session/defaults.rs
-- payments::session::defaults::lock_trials
CREATE  FUNCTION "lock_trials"(
	"environment" TEXT, /* & str */
	"subject_type" TEXT, /* & str */
	"subject_id" TEXT /* & str */
) RETURNS void
STRICT
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'lock_trials_wrapper';

-- src/session/defaults.rs
-- payments::session::defaults::merged_checkout_params
CREATE  FUNCTION "merged_checkout_params"(
	"request" jsonb /* Jsonb */
) RETURNS jsonb /* pgrx :: JsonB */
IMMUTABLE STRICT PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'merged_checkout_params_wrapper';

-- src/session/mod.rs
-- payments::session::without_secrets
CREATE  FUNCTION "without_secrets"(
	"text" TEXT /* & str */
) RETURNS TEXT /* String */
IMMUTABLE STRICT PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'without_secrets_wrapper';

-- src/session/portal.rs
-- payments::session::portal::check_portal_session
CREATE  FUNCTION "check_portal_session"(
	"environment" TEXT, /* Option < String > */
	"subject_type" TEXT, /* Option < String > */
	"subject_id" TEXT, /* Option < String > */
	"return_url" TEXT, /* Option < String > */
	"configuration_id" TEXT /* Option < String > */
) RETURNS bool /* bool */
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'check_portal_session_wrapper';

-- src/session/portal.rs
-- payments::session::portal::guard_portal_session
create function payments.guard_portal_session() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'guard_portal_session_wrapper';

-- src/session/prices.rs
-- payments::session::prices::gives_for_nothing
CREATE  FUNCTION "gives_for_nothing"(
	"environment" TEXT, /* & str */
	"price" TEXT, /* & str */
	"quantity" bigint, /* i64 */
	"in_trial" bool /* bool */
) RETURNS bool /* bool */
STRICT STABLE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'gives_for_nothing_wrapper';

-- src/session/redaction.rs
-- payments::session::redaction::hide_secrets_from_log
CREATE  FUNCTION "hide_secrets_from_log"(
	"texts" TEXT[] /* Vec < Option < String > > */
) RETURNS void
STRICT
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'hide_secrets_from_log_wrapper';

-- src/session/redaction.rs
-- payments::session::redaction::keep_secrets_out
create function payments.keep_secrets_out() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'keep_secrets_out_wrapper';

-- src/session/subject.rs
-- payments::session::subject::may_use_subject
CREATE  FUNCTION "may_use_subject"(
	"subject_type" TEXT, /* Option < & str > */
	"subject_id" TEXT /* Option < & str > */
) RETURNS bool /* bool */
STABLE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'may_use_subject_wrapper';

-- src/session/subject.rs
-- payments::session::subject::my_subjects
CREATE  FUNCTION "my_subjects"(
	"subject_type" TEXT /* Option < & str > */
) RETURNS SETOF TEXT /* String */
STABLE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'my_subjects_wrapper';

-- src/session/subject.rs
-- payments::session::subject::my_subjects_of_all_types
CREATE  FUNCTION "my_subjects_of_all_types"() RETURNS TABLE (
	"subject_type" TEXT,  /* String */
	"subject_id" TEXT  /* String */
)
STRICT STABLE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'my_subjects_of_all_types_wrapper';

-- src/session/subject.rs
-- payments::session::subject::my_usable_subjects
CREATE  FUNCTION "my_usable_subjects"(
	"subject_type" TEXT /* Option < & str > */
) RETURNS SETOF TEXT /* String */
STABLE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'my_usable_subjects_wrapper';

-- src/session/subject.rs
-- payments::session::subject::my_usable_subjects_of_all_types
CREATE  FUNCTION "my_usable_subjects_of_all_types"() RETURNS TABLE (
	"subject_type" TEXT,  /* String */
	"subject_id" TEXT  /* String */
)
STRICT STABLE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'my_usable_subjects_of_all_types_wrapper';

-- src/session/subject.rs
-- payments::session::subject::owns_subject
CREATE  FUNCTION "owns_subject"(
	"subject_type" TEXT, /* Option < & str > */
	"subject_id" TEXT /* Option < & str > */
) RETURNS bool /* bool */
STABLE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'owns_subject_wrapper';

-- src/session/subject.rs
-- payments::session::subject::usable_subjects_of
CREATE  FUNCTION "usable_subjects_of"(
	"user_id" TEXT /* Option < & str > */
) RETURNS TABLE (
	"subject_type" TEXT,  /* String */
	"subject_id" TEXT  /* String */
)
STABLE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'usable_subjects_of_wrapper';

-- src/session/subject_type.rs
-- payments::session::subject_type::drop_subject_policies
CREATE  FUNCTION "drop_subject_policies"(
	"subject_type" TEXT /* & str */
) RETURNS void
STRICT
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'drop_subject_policies_wrapper';

-- src/session/subject_type.rs
-- payments::session::subject_type::make_subject_policies
CREATE  FUNCTION "make_subject_policies"(
	"subject_type" TEXT, /* & str */
	"by_predicate" bool /* bool */
) RETURNS void
STRICT
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'make_subject_policies_wrapper';

-- src/session/waiting.rs
-- payments::session::waiting::waiting_requests
CREATE  FUNCTION "waiting_requests"(
	"n" INT /* i32 */
) RETURNS TABLE (
	"kind" TEXT,  /* String */
	"session_id" TEXT,  /* String */
	"environment" TEXT  /* String */
)
STRICT
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'waiting_requests_wrapper';

-- src/settings.rs
-- payments::settings::metadata_prefix
CREATE  FUNCTION "metadata_prefix"() RETURNS TEXT /* String */
STRICT STABLE PARALLEL SAFE 
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'metadata_prefix_wrapper';

-- src/settings.rs
-- payments::settings::metadata_prefixes
CREATE  FUNCTION "metadata_prefixes"() RETURNS TEXT[] /* Vec < String > */
STRICT STABLE PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'metadata_prefixes_wrapper';

-- src/settings.rs
-- payments::settings::stripe_version
CREATE  FUNCTION "stripe_version"() RETURNS TEXT /* String */
STRICT STABLE PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'stripe_version_wrapper';

-- src/trust.rs
-- payments::trust::acting_role_is_admin
CREATE  FUNCTION "acting_role_is_admin"() RETURNS bool /* bool */
STRICT STABLE PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'acting_role_is_admin_wrapper';

-- src/trust.rs
-- payments::trust::change_app_table_grants
CREATE  FUNCTION "change_app_table_grants"(
	"role" oid, /* pg_sys :: Oid */
	"as_" TEXT, /* & str */
	"give" bool /* bool */
) RETURNS void
STRICT
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'change_app_table_grants_wrapper';

-- src/trust.rs
-- payments::trust::change_grants
CREATE  FUNCTION "change_grants"(
	"role" oid, /* pg_sys :: Oid */
	"as_" TEXT, /* & str */
	"give" bool /* bool */
) RETURNS void
STRICT
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'change_grants_wrapper';

-- src/trust.rs
-- payments::trust::is_admin_role
CREATE  FUNCTION "is_admin_role"(
	"role" TEXT /* & str */
) RETURNS bool /* bool */
STRICT STABLE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'is_admin_role_wrapper';

-- src/webhook.rs
-- payments::webhook::answer_at_endpoint
CREATE  FUNCTION "answer_at_endpoint"(
	"environment" TEXT, /* Option < & str > */
	"payload" TEXT, /* Option < & str > */
	"signature" TEXT /* Option < & str > */
) RETURNS jsonb /* JsonB */
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'answer_at_endpoint_wrapper';

-- src/webhook.rs
-- payments::webhook::apply_stripe_event
CREATE  FUNCTION "apply_stripe_event"(
	"environment" TEXT, /* Option < & str > */
	"event" jsonb /* Option < Jsonb > */
) RETURNS jsonb /* JsonB */
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'apply_stripe_event_wrapper';

-- src/webhook.rs
-- payments::webhook::receive_stripe_webhook
CREATE  FUNCTION "receive_stripe_webhook"(
	"environment" TEXT, /* Option < & str > */
	"payload" TEXT, /* Option < & str > */
	"signature" TEXT /* Option < & str > */
) RETURNS jsonb /* JsonB */
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'receive_stripe_webhook_wrapper';

-- src/webhook.rs
-- payments::webhook::receive_stripe_webhook
CREATE  FUNCTION "receive_stripe_webhook"(
	"environment" TEXT, /* Option < & str > */
	"payload" bytea, /* Option < & [u8] > */
	"signature" TEXT /* Option < & str > */
) RETURNS jsonb /* JsonB */

SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'receive_stripe_webhook_bytes_wrapper';

-- src/webhook_batch.rs
-- payments::webhook_batch::receive_stripe_webhooks
CREATE  FUNCTION "receive_stripe_webhooks"(
	"environment" TEXT, /* Option < & str > */
	"payloads" TEXT[], /* :: std :: option :: Option < Array < & str > > */
	"signatures" TEXT[] /* :: std :: option :: Option < Array < & str > > */
) RETURNS jsonb /* JsonB */
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'receive_stripe_webhooks_wrapper';

-- src/webhook_secrets.rs
-- payments::webhook_secrets::has_webhook_secret
CREATE  FUNCTION "has_webhook_secret"(
	"environment" TEXT /* Option < & str > */
) RETURNS bool /* bool */
STABLE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'has_webhook_secret_wrapper';

-- src/webhook_secrets.rs
-- payments::webhook_secrets::set_webhook_secret
CREATE  FUNCTION "set_webhook_secret"(
	"environment" TEXT, /* Option < & str > */
	"secret" TEXT, /* Option < & str > */
	"keep_previous" interval DEFAULT '24 hours' /* Option < Interval > */
) RETURNS void
SET search_path TO pg_catalog, pg_temp
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'set_webhook_secret_wrapper';
