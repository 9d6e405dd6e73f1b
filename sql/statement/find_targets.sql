-- find_targets: the app's tables of one kind, one a row. $1 kind text
select pg_catalog.json_build_object(
  'relation', a.relation, 'oid', a.target::pg_catalog.oid::bigint, 'columns', a.columns,
  'numbered', a.numbered, 'subject_type', a.subject_type, 'superuser_owner', a.superuser_owner,
  'name', pg_catalog.quote_ident(n.nspname) operator(pg_catalog.||) '.' operator(pg_catalog.||) pg_catalog.quote_ident(t.relname),
  'deferrable', g.may_wait,
  'deferred', g.waiting)::pg_catalog.text
  from payments.attachments a
  left join pg_catalog.pg_class t on t.oid operator(pg_catalog.=) a.target
  left join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) t.relnamespace
 cross join lateral (
   select pg_catalog.json_agg(pg_catalog.format('%I.%I'::pg_catalog.text, cn.nspname, c.conname)) as may_wait,
          pg_catalog.json_agg(pg_catalog.format('%I.%I'::pg_catalog.text, cn.nspname, c.conname)) filter (where g.tginitdeferred) as waiting
     from pg_catalog.pg_trigger g
     join pg_catalog.pg_constraint c on c.oid operator(pg_catalog.=) g.tgconstraint
     join pg_catalog.pg_namespace cn on cn.oid operator(pg_catalog.=) c.connamespace
    where g.tgrelid operator(pg_catalog.=) a.target and g.tgdeferrable
      -- SET CONSTRAINTS means all of a name in its schema, and refuses where one of them cannot be deferred. A foreign key of such
      -- a name is left alone: writes that leave its columns alone go through.
      and not (c.contype operator(pg_catalog.=) 'f' and exists (
            select from pg_catalog.pg_constraint o
             where o.connamespace operator(pg_catalog.=) c.connamespace and o.conname operator(pg_catalog.=) c.conname and not o.condeferrable))) g
 where a.kind operator(pg_catalog.=) $1
 order by a.created_at, a.relation
