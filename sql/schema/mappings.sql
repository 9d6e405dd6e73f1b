set local search_path = pg_catalog, pg_temp;

-- A mapping that comes, goes or changes takes every earlier payment and subscription of its customer with it, in the same
-- transaction, whoever wrote it (follow_mapping()). One that an admin writes (it has no evidence) stands above what sessions claim.

create function payments.on_mapping_changed() returns trigger
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_anyone';

create function payments.on_mapping_changed_body() returns trigger
  language plpgsql set search_path = pg_catalog, pg_temp
as $function$
begin
  if tg_relid is distinct from to_regclass('payments.stripe_customer_mappings') then
    raise exception 'on_mapping_changed() is made for payments.stripe_customer_mappings'
      using errcode = 'trigger_protocol_violated', detail = format('It was called for %s.', tg_relid::regclass),
            hint = 'Do not put it on another table.';
  end if;
  if tg_op = 'INSERT' then
    -- An admin's own word stands above what was derived, and takes its place.
    perform set_config('search_path', payments.ordinary_search_path(), true);
    delete from payments.stripe_customer_mappings m
     where m.environment operator(pg_catalog.=) new.environment and m.evidence_event_id is not null
       and m.stripe_customer_id operator(pg_catalog.=) new.stripe_customer_id
       and not (m.subject_type operator(pg_catalog.=) new.subject_type and m.subject_id operator(pg_catalog.=) new.subject_id);
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    return new;
  end if;
  -- What is derived changes with its evidence; whoever else writes a mapping makes it an own one.
  if (new.evidence_created, new.evidence_event_id) is not distinct from (old.evidence_created, old.evidence_event_id) then
    new.evidence_created := null;
    new.evidence_event_id := null;
  end if;
  return new;
end
$function$;

do $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;
  if not exists (select from pg_trigger where tgrelid = 'payments.stripe_customer_mappings'::regclass
                   and tgname = 'payments_mapping_changed') then
    create trigger payments_mapping_changed
      after insert or delete or update of environment, subject_type, subject_id, stripe_customer_id
      on payments.stripe_customer_mappings for each row execute function payments.follow_mapping();
    alter trigger payments_mapping_changed on payments.stripe_customer_mappings depends on extension payments;
    create trigger payments_own_mapping
      before insert on payments.stripe_customer_mappings for each row when (new.evidence_event_id is null)
      execute function payments.on_mapping_changed();
    alter trigger payments_own_mapping on payments.stripe_customer_mappings depends on extension payments;
    create trigger payments_evidence_of_mapping
      before update on payments.stripe_customer_mappings for each row execute function payments.on_mapping_changed();
    alter trigger payments_evidence_of_mapping on payments.stripe_customer_mappings depends on extension payments;
  end if;
end
$install$;

set local search_path = payments, pg_temp;
