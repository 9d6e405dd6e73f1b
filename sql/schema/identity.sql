-- Who is asking. current_user_id() is in src/identity.rs; here is what makes a role a gateway, and what policies may call.

-- A role that may execute this is a gateway: it checked who the caller is before it set the claims.
create function payments.gateway() returns boolean
  language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select true $$;

-- The callers' side of policies. Not members of the extension (see ownership.sql): a policy that depended on a member would
-- keep DROP EXTENSION from working. Without the extension they fail, and so the policies deny.
do $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;
  set local check_function_bodies = off;
  if to_regprocedure('payments.caller()') is null then
    create function payments.caller() returns text
      language sql stable parallel safe security definer set search_path = pg_catalog, pg_temp
    as $$ select payments.current_user_id() $$;
  end if;
  if to_regprocedure('payments.caller_subjects(text)') is null then
    create function payments.caller_subjects(subject_type text) returns setof text
      language sql stable parallel safe security definer set search_path = pg_catalog, pg_temp
    as $$ select s from payments.my_subjects($1) s $$;
  end if;
  if to_regprocedure('payments.caller_subjects()') is null then
    create function payments.caller_subjects() returns table (subject_type text, subject_id text)
      language sql stable parallel safe security definer set search_path = pg_catalog, pg_temp
    as $$
      select t.subject_type, s
        from (select 'user'::text as subject_type union all select r.subject_type from payments.subject_types r) t
       cross join lateral payments.my_subjects(t.subject_type) s
    $$;
  end if;
  if to_regprocedure('payments.caller_owns(text,text)') is null then
    create function payments.caller_owns(subject_type text, subject_id text) returns boolean
      language sql stable parallel restricted security definer set search_path = pg_catalog, pg_temp
    as $$ select payments.owns_subject($1, $2) $$;
  end if;
end
$install$;
