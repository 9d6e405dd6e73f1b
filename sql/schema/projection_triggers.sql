-- After DROP EXTENSION and CREATE EXTENSION: the app's tables are still attached, and get their triggers again. A dump that
-- is being restored brings its own.

do $install$
begin
  if current_setting('row_security') <> 'off' then
    perform payments.make_projection_triggers(a.kind) from (select distinct kind from payments.attachments) a;
  end if;
end
$install$;
