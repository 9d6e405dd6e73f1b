-- After DROP EXTENSION and CREATE EXTENSION: the app's tables are still attached, and get their triggers again. A dump that
-- is being restored brings its own.

do $install$
begin
  if current_setting('row_security') <> 'off' then
    -- A backend keeps the attachments that it knows until it is told.
    if not exists (select from pg_trigger where tgrelid = 'payments.attachments'::regclass and tgname = 'tell_attachments') then
      create trigger tell_attachments after insert or update or delete or truncate on payments.attachments
        for each statement execute function payments.tell_attachments();
      alter trigger tell_attachments on payments.attachments depends on extension payments;
    end if;
    perform payments.make_projection_triggers(a.kind) from (select distinct kind from payments.attachments) a;
  end if;
end
$install$;
