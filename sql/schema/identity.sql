set local search_path = pg_catalog, pg_temp;

-- Who is asking. current_user_id() is in src/identity.rs; here is what makes a role a gateway, and what policies may call.

-- A role that may execute this is a gateway: it checked who the caller is before it set the claims.
create function payments.gateway() returns boolean
  language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select true $$;

-- The callers' side of policies. Not members of the extension (see ownership.sql): a policy that depended on a member would
-- keep DROP EXTENSION from working. Without the extension they raise, and so the policies deny. They stand in every dump, so the
-- names that they have in the library stay. Those that an earlier install
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
  -- Whatever of these is there is a member by now, and belongs to a role that is trusted (roles.sql). They are the functions of
  -- src/identity.rs and src/session/subject.rs under names of their own: a policy asks three of them for one INSERT, and one that
  -- only called another would double that.
  foreach definition in array array[
    $ddl$
      function payments.caller() returns text
        language c stable parallel safe security definer set search_path = pg_catalog, pg_temp
      as 'MODULE_PATHNAME', 'current_user_id_wrapper'
    $ddl$,
    $ddl$
      function payments.caller_subjects(subject_type text) returns setof text
        language c stable security definer set search_path = pg_catalog, pg_temp
      as 'MODULE_PATHNAME', 'my_subjects_wrapper'
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
        language c stable security definer set search_path = pg_catalog, pg_temp
      as 'MODULE_PATHNAME', 'owns_subject_wrapper'
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

set local search_path = payments, pg_temp;
