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
