-- Who is asking. current_user_id() is in src/identity.rs; here is what makes a role a gateway, and what policies may call.

-- A role that may execute this is a gateway: it checked who the caller is before it set the claims.
create function payments.gateway() returns boolean
  language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select true $$;

-- The callers' side of policies. Not members of the extension (see ownership.sql): a policy that depended on a member would
-- keep DROP EXTENSION from working. Without the extension they fail, and so the policies deny. Those that an earlier install
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
                 where p.pronamespace = 'payments'::regnamespace and p.proname in ('caller', 'caller_subjects', 'caller_owns'));
  foreach left_over in array kept loop
    execute format('alter extension payments add function %s', left_over);
  end loop;
  -- Whatever of these is there is a member by now, and belongs to a role that is trusted (roles.sql). PL/pgSQL keeps its plans
  -- for a session, where a function in SQL that can't be inlined is planned anew in every query.
  foreach definition in array array[
    $ddl$
      function payments.caller() returns text
        language plpgsql stable parallel safe security definer set search_path = pg_catalog, pg_temp
      as $body$ begin return payments.current_user_id(); end $body$
    $ddl$,
    $ddl$
      function payments.caller_subjects(subject_type text) returns setof text
        language plpgsql stable security definer set search_path = pg_catalog, pg_temp
      as $body$ begin return query select s from payments.my_subjects($1) s; end $body$
    $ddl$,
    $ddl$
      function payments.caller_subjects() returns table (subject_type text, subject_id text)
        language sql stable security definer set search_path = pg_catalog, pg_temp
      as $body$
        select t.subject_type, s
          from (select 'user'::text as subject_type union all select r.subject_type from payments.subject_types r) t
         cross join lateral payments.my_subjects(t.subject_type) s
      $body$
    $ddl$,
    $ddl$
      function payments.caller_owns(subject_type text, subject_id text) returns boolean
        language plpgsql stable security definer set search_path = pg_catalog, pg_temp
      as $body$ begin return payments.owns_subject($1, $2); end $body$
    $ddl$]
  loop
    execute 'create or replace' || definition;
  end loop;
  -- What was kept keeps its grants too; ownership.sql resets those of members alone.
  foreach left_over in array kept loop
    execute format('alter function %s owner to payments_owner', left_over);
    execute format('revoke all on function %s from public', left_over);
    execute format('alter extension payments drop function %s', left_over);
  end loop;
end
$install$;
