-- What some apps do before they expose a schema; :who is whom.
grant usage on schema payments to :who;
grant all on all tables in schema payments to :who;
grant all on all routines in schema payments to :who;
grant all on all sequences in schema payments to :who;
grant insert, select, update, references on payments.checkout_sessions to :who;
grant references (id), update (url) on payments.checkout_sessions to :who;
