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
        environment text check (environment in ('test', 'live')),
        status text not null default 'pending'
          check (status in ('pending', 'paid', 'fulfilled', 'canceled', 'refunded')),
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
        reason text not null check (reason in ('purchase', 'refund', 'dispute', 'spend', 'adjustment')),
        source text collate "C" not null unique,
        note text,
        created_at timestamptz not null default now()
      );
      create index on {table} (subject_type, subject_id, id);
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
        state text not null default 'pending' check (state in ('pending', 'claimed', 'done', 'dead')),
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

-- Who may read which rows of it: end users their own, admins all and, where the app itself writes, also that. What the
-- database's default privileges gave to others is taken back first.
create function payments.secure_default_table(kind text, target regclass) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  admin constant text := $policy$(select has_column_privilege(current_user, 'payments.checkout_sessions', 'stripe_checkout_session_id', 'INSERT'))$policy$;
  own constant text := case kind
    when 'orders' then $policy$user_id = (select payments.caller())
      or (subject_type, subject_id) in (select s.subject_type, s.subject_id from payments.caller_subjects() s)$policy$
    when 'credit_ledger' then
      '(subject_type, subject_id) in (select s.subject_type, s.subject_id from payments.caller_subjects() s)'
    when 'user_entitlements' then $policy$user_id = (select payments.caller())
      or (subject_type, subject_id) in (select s.subject_type, s.subject_id from payments.caller_subjects() s)$policy$
    when 'billing_status' then
      $policy$team_id in (select s.subject_id from payments.caller_subjects() s where s.subject_type = 'team')$policy$
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

-- Its privileges, for the roles that are admins or members by now.
create function payments.grant_default_table(kind text, target regclass) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  reader record;
begin
  for reader in
    select r.rolname, has_column_privilege(r.rolname, 'payments.checkout_sessions', 'stripe_checkout_session_id', 'INSERT') as admin
      from pg_roles r
     where not r.rolsuper and r.rolname !~ '^pg_' and r.rolname not in ('payments_owner', current_user)
       and (has_column_privilege(r.rolname, 'payments.checkout_sessions', 'stripe_checkout_session_id', 'INSERT')
            or has_function_privilege(r.rolname, 'payments.spend_credits(text,text,bigint,text,text)', 'EXECUTE'))
  loop
    if reader.admin then
      -- Money's own record is appended to by payments alone.
      execute format('grant %s on %s to %I', case kind when 'credit_ledger' then 'select' else 'select, insert, update, delete' end,
                     target, reader.rolname);
    elsif kind <> 'fulfillment_jobs' then
      execute format('grant select on %s to %I', target, reader.rolname);
    end if;
  end loop;
end
$$;

/* Makes the app's own tables (orders, credit_ledger, user_entitlements, team_billing_status, fulfillment_jobs) where they
   are missing, owned by whoever calls, with row security, indexes, grants and the projection's triggers. Tables that are
   there already are attached as they are, after their columns were checked. Can be run again: a table that it made and that
   was renamed since stays attached, and no second one is made.

   Called by a superuser it makes tables that belong to that superuser; of his own, and of no others, the call is taken as the
   explicit word that attach() asks for. Raises 22023 (null), 3F000 (no such schema), 42703 (a table of that name lacks columns),
   42501 (a table of that name belongs to another superuser). */
create function payments.create_app_tables(schema name default 'public') returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  wanted record;
  target text;
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
  for wanted in
    select w.kind, w.name
      from (values (1, 'orders', 'orders'), (2, 'credit_ledger', 'credit_ledger'), (3, 'user_entitlements', 'user_entitlements'),
                   (4, 'billing_status', 'team_billing_status'), (5, 'fulfillment_jobs', 'fulfillment_jobs')) as w(place, kind, name)
     order by w.place
  loop
    target := format('%I.%I', schema, wanted.name);
    if to_regclass(target) is null then
      -- One that was made here is known by its policy, whatever it is called now.
      select a.target::regclass into renamed
        from payments.attachments a join pg_class c on c.oid = a.target
       where a.kind = wanted.kind and exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'admin')
         and (a.relation = format('%I.%I', schema, wanted.name) or c.relnamespace = to_regnamespace(quote_ident(schema)))
       limit 1;
      if renamed is not null then
        raise notice 'table % was renamed to % and stays attached; no other is made', target, renamed;
        continue;
      end if;
      execute payments.default_table(wanted.kind, target);
      perform payments.secure_default_table(wanted.kind, target::regclass);
    end if;
    if pg_has_role((select c.relowner from pg_class c where c.oid = target::regclass), 'USAGE')
       and exists (select from pg_policy p where p.polrelid = target::regclass and p.polname = 'admin') then
      perform payments.grant_default_table(wanted.kind, target::regclass);
    end if;
    if not payments.is_attached(wanted.kind, target::regclass) then
      perform payments.attach(wanted.kind, target::regclass, jsonb_build_object('allow_superuser_owner',
        (select r.rolsuper from pg_roles r join pg_class c on c.relowner = r.oid
          where r.rolname = current_user and c.oid = target::regclass) is not distinct from true));
    end if;
  end loop;
end
$$;
