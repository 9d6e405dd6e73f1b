-- What roles there are, what each may do in the whole server, and who is a member of whom.
select rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls from pg_roles order by 1;
select roleid::regrole::text, member::regrole::text, admin_option from pg_auth_members order by 1, 2, 3;
select s.setconfig, pg_get_userbyid(s.setrole) from pg_db_role_setting s where s.setrole <> 'payments_definer'::regrole order by 1, 2;
