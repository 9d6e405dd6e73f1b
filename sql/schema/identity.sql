set local search_path = pg_catalog, pg_temp;

-- The text with � for each character that would control the terminal on which it is shown. core/src/visible.rs has the same list.
create function payments.visible(text text) returns text
  language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$ select regexp_replace($1, '[\u0001-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]', '�', 'g') $$;

-- Who is asking. current_user_id() is in src/identity.rs; here is what policies may call.

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
                 where p.pronamespace = 'payments'::regnamespace and p.proname in ('caller', 'caller_subjects', 'caller_owns', 'caller_is_admin',
                                                                       'caller_usable_subjects', 'caller_access_until'));
  foreach left_over in array kept loop
    execute format('alter extension payments add function %s', left_over);
  end loop;
  -- Whatever of these is there is a member by now, and belongs to a role that is trusted (roles.sql). They are the functions of
  -- src/identity.rs and src/session/subject.rs under names of their own: a policy asks three of them for one INSERT, and one that
  -- only called another would double that.
  foreach definition in array array[
    $ddl$
      function payments.caller() returns text
        language c stable parallel safe set search_path = pg_catalog, pg_temp
      as 'MODULE_PATHNAME', 'current_user_id_wrapper'
    $ddl$,
    $ddl$
      function payments.caller_subjects(subject_type text) returns setof text
        language c stable set search_path = pg_catalog, pg_temp
      as 'MODULE_PATHNAME', 'my_subjects_wrapper'
    $ddl$,
    $ddl$
      function payments.caller_subjects() returns table (subject_type text, subject_id text)
        language c stable set search_path = pg_catalog, pg_temp
      as 'MODULE_PATHNAME', 'my_subjects_of_all_types_wrapper'
    $ddl$,
    $ddl$
      function payments.caller_usable_subjects(subject_type text) returns setof text
        language c stable set search_path = pg_catalog, pg_temp
      as 'MODULE_PATHNAME', 'my_usable_subjects_wrapper'
    $ddl$,
    $ddl$
      function payments.caller_usable_subjects() returns table (subject_type text, subject_id text)
        language c stable set search_path = pg_catalog, pg_temp
      as 'MODULE_PATHNAME', 'my_usable_subjects_of_all_types_wrapper'
    $ddl$,
    $ddl$
      function payments.caller_owns(subject_type text, subject_id text) returns boolean
        language c stable set search_path = pg_catalog, pg_temp
      as 'MODULE_PATHNAME', 'owns_subject_wrapper'
    $ddl$,
    $ddl$
      function payments.caller_is_admin() returns boolean
        language c stable parallel safe set search_path = pg_catalog, pg_temp
      as 'MODULE_PATHNAME', 'acting_role_is_admin_wrapper'
    $ddl$,
    -- What a view asks of each subscription that it shows; its body is in billing.sql.
    $ddl$
      function payments.caller_access_until(environment text, stripe_subscription_id text) returns timestamptz
        language c stable set search_path = pg_catalog, pg_temp
      as 'MODULE_PATHNAME', 'run_for_anyone'
    $ddl$]
  loop
    execute 'create or replace' || definition;
  end loop;
  -- What was kept keeps its grants too; ownership.sql resets those of members alone.
  foreach left_over in array kept loop
    execute format('alter function %s owner to current_user', left_over);
    execute format('revoke all on function %s from public', left_over);
    execute format('alter extension payments drop function %s', left_over);
  end loop;
end
$install$;

set local search_path = payments, pg_temp;
