set local search_path = pg_catalog, pg_temp;

-- After DROP EXTENSION and CREATE EXTENSION: the app's tables are still attached, and get their triggers again. A dump that
-- is being restored brings its own.

do $install$
declare
  wanted record;
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;
  -- A backend keeps what it knows of these tables until a change invalidates it. A price or its product that becomes known is no
  -- change, for what is unknown is not kept.
  for wanted in
    select w.relation, w.name, format('%s on %s %s', w.events, w.relation, w.rows) as definition
      from (values
        ('payments_registry.attachments', 'invalidate_caches', 'after insert or update or delete', 'for each row'),
        ('payments_registry.attachments', 'invalidate_caches_of_all', 'after truncate', 'for each statement'),
        ('payments.benefits', 'invalidate_caches', 'after insert or update or delete', 'for each row'),
        ('payments.benefits', 'invalidate_caches_of_all', 'after truncate', 'for each statement'),
        ('payments.granted_roles', 'invalidate_caches', 'after insert or update or delete', 'for each row'),
        ('payments.granted_roles', 'invalidate_caches_of_all', 'after truncate', 'for each statement'),
        ('payments.prices', 'invalidate_caches', 'after delete', 'for each row'),
        ('payments.prices', 'invalidate_caches_of_all', 'after truncate', 'for each statement'),
        ('payments.prices', 'invalidate_caches_before', 'before insert or update', 'for each statement'),
        ('payments.prices', 'invalidate_caches_of_change', 'after update', 'for each row when ('
          || 'old.environment <> new.environment or old.stripe_price_id <> new.stripe_price_id'
          || ' or (old.stripe_product_id is not null and old.stripe_product_id is distinct from new.stripe_product_id)'
          || ' or old.active <> new.active or old.type is distinct from new.type'
          || ' or old.recurring_interval is distinct from new.recurring_interval'
          || ' or old.currency is distinct from new.currency or old.unit_amount is distinct from new.unit_amount'
          || ' or old.billing_scheme is distinct from new.billing_scheme)')
      ) as w(relation, name, events, rows)
     where not exists (select from pg_trigger t
                        where t.tgrelid = w.relation::regclass and t.tgname = w.name)
  loop
    execute format('create trigger %I %s execute function payments.invalidate_caches()', wanted.name, wanted.definition);
    execute format('alter trigger %I on %s depends on extension payments', wanted.name, wanted.relation);
    -- also where rows come by replication, which calls no trigger for a statement
    execute format('alter table %s enable always trigger %I', wanted.relation, wanted.name);
  end loop;
  perform payments.make_projection_triggers(a.kind) from (select distinct kind from payments_registry.attachments) a;
end
$install$;

set local search_path = payments, pg_temp;
