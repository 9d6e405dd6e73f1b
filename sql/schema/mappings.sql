-- A mapping that comes, goes or changes takes every earlier payment and subscription of its customer with it, in the same
-- transaction, whoever wrote it. One that an admin writes (it has no evidence) stands above what sessions claim.

create function payments.note_mapping() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $function$
begin
  if tg_relid is distinct from to_regclass('payments.stripe_customer_mappings') then
    raise exception 'note_mapping() is made for payments.stripe_customer_mappings'
      using errcode = 'trigger_protocol_violated', hint = 'Do not put it on another table.';
  end if;
  if tg_when = 'BEFORE' then
    -- Whoever moves a derived mapping makes it an own one.
    if (new.subject_type, new.subject_id, new.stripe_customer_id) is distinct from
       (old.subject_type, old.subject_id, old.stripe_customer_id) then
      new.evidence_created := null;
      new.evidence_event_id := null;
    end if;
    return new;
  end if;
  if tg_op in ('UPDATE', 'DELETE') and (tg_op = 'DELETE' or new.stripe_customer_id <> old.stripe_customer_id) then
    perform payments.mapping_changed(old.environment, old.subject_type, old.subject_id, old.stripe_customer_id, false);
  end if;
  if tg_op in ('UPDATE', 'INSERT') then
    perform payments.mapping_changed(new.environment, new.subject_type, new.subject_id, new.stripe_customer_id,
                                     new.evidence_event_id is null);
  end if;
  return null;
end
$function$;

do $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;
  if not exists (select from pg_trigger where tgrelid = 'payments.stripe_customer_mappings'::regclass
                   and tgname = 'payments_note_mapping') then
    create trigger payments_note_mapping
      after insert or delete or update of environment, subject_type, subject_id, stripe_customer_id
      on payments.stripe_customer_mappings for each row execute function payments.note_mapping();
    alter trigger payments_note_mapping on payments.stripe_customer_mappings depends on extension payments;
    create trigger payments_own_mapping
      before update on payments.stripe_customer_mappings for each row execute function payments.note_mapping();
    alter trigger payments_own_mapping on payments.stripe_customer_mappings depends on extension payments;
  end if;
end
$install$;
