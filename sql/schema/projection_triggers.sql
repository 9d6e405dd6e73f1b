-- After DROP EXTENSION and CREATE EXTENSION: the app's tables are still attached, and get their triggers again. A dump that
-- is being restored brings its own.

-- A backend keeps what it knows of these tables until it is told of a change. A price's product decides what the price gives;
-- one that becomes known is no change, for a price without one is not kept.
create function payments.make_telling_triggers() returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  wanted record;
begin
  for wanted in
    select *
      from (values
        ('attachments', 'tell_backends', 'insert or update or delete or truncate', 'for each statement'),
        ('benefits', 'tell_backends', 'insert or update or delete or truncate', 'for each statement'),
        ('prices', 'tell_backends', 'delete or truncate', 'for each statement'),
        ('prices', 'tell_backends_of_change', 'update', 'for each row when (old.stripe_product_id is not null'
          || ' and (old.environment, old.stripe_price_id, old.stripe_product_id) is distinct from'
          || ' (new.environment, new.stripe_price_id, new.stripe_product_id))')
      ) as w(relation, name, events, rows)
     where not exists (select from pg_trigger t
                        where t.tgrelid = format('payments.%I', w.relation)::regclass and t.tgname = w.name)
  loop
    execute format('create trigger %I after %s on payments.%I %s execute function payments.tell_backends()',
                   wanted.name, wanted.events, wanted.relation, wanted.rows);
    execute format('alter trigger %I on payments.%I depends on extension payments', wanted.name, wanted.relation);
    -- also where rows come by replication
    execute format('alter table payments.%I enable always trigger %I', wanted.relation, wanted.name);
  end loop;
end
$$;

do $install$
begin
  if current_setting('row_security') <> 'off' then
    perform payments.make_telling_triggers();
    perform payments.make_projection_triggers(a.kind) from (select distinct kind from payments.attachments) a;
  end if;
end
$install$;
