-- find_targets: the app's tables of one kind, one a row. $1 kind text
select pg_catalog.json_build_object(
  'relation', a.relation, 'oid', a.target::pg_catalog.oid::bigint, 'columns', a.columns,
  'numbered', a.numbered,
  'dates_lines', exists (select from pg_catalog.pg_attribute c
                          where c.attrelid operator(pg_catalog.=) a.target and (c.attnotnull or c.atthasdef) and not c.attisdropped
                            and pg_catalog.quote_ident(c.attname) operator(pg_catalog.=) (a.columns operator(pg_catalog.#>>) '{created_at,column}')),
  'subject_type', a.subject_type, 'superuser_owner', a.superuser_owner,
  'name', pg_catalog.quote_ident(n.nspname) operator(pg_catalog.||) '.' operator(pg_catalog.||) pg_catalog.quote_ident(t.relname))::pg_catalog.text
  from payments_registry.attachments a
  left join pg_catalog.pg_class t on t.oid operator(pg_catalog.=) a.target
  left join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) t.relnamespace
 where a.kind operator(pg_catalog.=) $1
 order by a.created_at, a.relation;
