-- Every row of ours and of the app, in short: printed before and after, and compared.
select format('select %L, count(*), md5(string_agg(t::text, '','' order by t::text)) from %s t;', c.oid::regclass, c.oid::regclass)
  from pg_class c
 where c.relkind = 'r' and c.relnamespace in (select oid from pg_namespace where nspname ~ '^(payments|public)')
 order by c.oid::regclass::text \gexec
