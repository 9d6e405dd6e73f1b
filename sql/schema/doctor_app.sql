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
