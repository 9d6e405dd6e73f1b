-- Everything that DDL could change about us, one line a row: printed before and after, and compared.
select 'pg_proc', to_jsonb(p) from pg_proc p where p.pronamespace = 'payments'::regnamespace order by p.oid;
select 'pg_class', to_jsonb(c) - '{relpages,reltuples,relallvisible,relallfrozen,relfrozenxid,relminmxid}'::text[]
  from pg_class c where c.relnamespace in (select oid from pg_namespace where nspname ~ '^payments') order by c.oid;
select 'pg_attribute', to_jsonb(a) - '{attmissingval}'::text[] from pg_attribute a join pg_class c on c.oid = a.attrelid
 where c.relnamespace in (select oid from pg_namespace where nspname ~ '^payments') order by a.attrelid, a.attnum;
select 'pg_constraint', to_jsonb(c) from pg_constraint c where c.connamespace in (select oid from pg_namespace where nspname ~ '^payments') order by c.oid;
select 'pg_trigger', to_jsonb(t) from pg_trigger t join pg_class c on c.oid = t.tgrelid
 where c.relnamespace in (select oid from pg_namespace where nspname ~ '^payments') order by t.oid;
select 'pg_rewrite', to_jsonb(r) from pg_rewrite r join pg_class c on c.oid = r.ev_class
 where c.relnamespace in (select oid from pg_namespace where nspname ~ '^payments') order by r.oid;
select 'pg_policy', to_jsonb(p) from pg_policy p order by p.oid;
select 'pg_type', to_jsonb(t) from pg_type t where t.typnamespace in (select oid from pg_namespace where nspname ~ '^payments') order by t.oid;
select 'pg_namespace', to_jsonb(n) from pg_namespace n where n.nspname !~ '^pg_(toast_)?temp' order by n.oid;
select 'pg_operator', to_jsonb(o) from pg_operator o where o.oid >= 16384 order by o.oid;
select 'pg_cast', to_jsonb(c) from pg_cast c where c.oid >= 16384 order by c.oid;
select 'pg_extension', to_jsonb(e) from pg_extension e order by e.oid;
select 'pg_event_trigger', to_jsonb(e) from pg_event_trigger e order by e.oid;
select 'pg_default_acl', to_jsonb(d) from pg_default_acl d order by d.oid;
select 'pg_init_privs', to_jsonb(i) from pg_init_privs i where i.objoid >= 16384 order by i.objoid, i.classoid, i.objsubid;
select 'pg_depend', to_jsonb(d) from pg_depend d where d.deptype in ('e', 'x') order by d.classid, d.objid, d.objsubid, d.refobjid;
select 'pg_description', to_jsonb(d) from pg_description d where d.objoid >= 16384 order by d.objoid, d.classoid, d.objsubid;
select 'pg_seclabel', to_jsonb(d) from pg_seclabel d order by d.objoid, d.classoid, d.objsubid;
select 'pg_statistic_ext', to_jsonb(s) from pg_statistic_ext s order by s.oid;
select 'pg_publication', to_jsonb(p) from pg_publication p order by p.oid;
-- Any role may change the settings that its own logins begin with; payments_definer never logs in.
select 'pg_db_role_setting', to_jsonb(s) from pg_db_role_setting s where s.setrole <> 'payments_definer'::regrole order by s.setdatabase, s.setrole;
select 'pg_database', to_jsonb(d) - '{datfrozenxid,datminmxid}'::text[] from pg_database d where d.datname = current_database();
