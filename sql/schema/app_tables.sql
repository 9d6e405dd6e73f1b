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
