-- The roles of a hosted app database: PostgREST logs in as authenticator and becomes one of the others.
do $$
declare
  role text;
begin
  foreach role in array array['anon', 'authenticated', 'project_admin', 'service_role'] loop
    if not exists (select from pg_roles where rolname = role) then
      execute format('create role %I nologin', role);
    end if;
  end loop;
  if not exists (select from pg_roles where rolname = 'authenticator') then
    create role authenticator login noinherit;
    grant anon, authenticated, project_admin, service_role to authenticator;
  end if;
end
$$;
