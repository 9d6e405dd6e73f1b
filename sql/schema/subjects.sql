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
