set local search_path = pg_catalog, pg_temp;

-- Orders that a backend makes of line items; what they cost is decided in core/src/fulfillment/new_order.rs.

/* Makes a pending order of line items ({price | stripePriceId | lookup_key, quantity}) in the app's own orders table: amount and currency
   from the catalog, for a user, a subject, or nobody. orders names the table where several are attached. Returns the order's id, which
   goes into the checkout session's metadata.order_id.

   A function of the app's that is owned by an admin and runs as its owner (security definer) may call it for end users: it then chooses
   the user, the subject and what may be ordered.

   Raises 22023 (a bad argument, or a price that is unknown, inactive, recurring, without a fixed amount for one unit, or in another
   currency than the others), 55000 (no orders table is attached), and what the table itself raises. */
create function payments.create_order(environment text, line_items jsonb, user_id text default null, subject_type text default null,
                                      subject_id text default null, orders regclass default null) returns text
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.create_order_body(environment text, line_items jsonb, user_id text, subject_type text, subject_id text, orders regclass)
  returns text
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments.hide_secrets_from_log(array[environment, line_items::text, user_id, subject_type, subject_id]);
  return payments.insert_order(environment, line_items, user_id, subject_type, subject_id, orders::oid);
end
$$;

set local search_path = payments, pg_temp;
