set local search_path = pg_catalog, pg_temp;

-- Jobs for workers, and the view of what needs a person.

create type payments.job as (id text, kind text, source text, payload jsonb, attempts integer);

/* Takes up to n jobs that are due, for this worker alone; each must be finished or failed within 5 minutes, or it comes
   again. Workers LISTEN payments_jobs and claim when told. Raises 55000 where no table of jobs is attached. */
create function payments.claim_jobs(n integer default 1) returns setof payments.job
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.claim_jobs_body(n integer) returns setof payments.job
  language sql set search_path = pg_catalog, pg_temp
as $$ select * from jsonb_populate_recordset(null::payments.job, payments.take_jobs($1)) $$;

/* The same for a table whose key is a uuid. */
create function payments.finish_job(id uuid) returns boolean
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.finish_job_body(id uuid) returns boolean
  language sql set search_path = pg_catalog, pg_temp
as $$ select payments.finish_job($1::text) $$;

create function payments.fail_job(id uuid, error text) returns boolean
  language c set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'run_for_admin';

create function payments.fail_job_body(id uuid, error text) returns boolean
  language sql set search_path = pg_catalog, pg_temp
as $$ select payments.fail_job($1::text, $2) $$;

do $install$
begin
  if current_setting('row_security') = 'off' then
    return;
  end if;
  -- What needs a person: a decision to take, or a cause to mend before payments.retry_fulfillments().
  if to_regclass('payments.review') is null then
    create view payments.review with (security_invoker = true) as
    select f.id, f.environment, f.state, f.kind, f.target_table, f.item, f.reason, f.sqlstate, f.attempts, f.source,
           s.stripe_checkout_session_id, s.stripe_payment_intent_id, s.subject_type, s.subject_id, s.created_by,
           s.metadata ->> 'order_id' as order_id, f.created_at, f.updated_at
      from payments.fulfillments f
      left join payments.checkout_sessions s
        on s.id = case when f.source ~ '^checkout:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then substr(f.source, 10)::uuid end
     where f.state in ('needs_review', 'failed');
  end if;
  -- Money that arrived and gave nothing at all: another app's checkout, or one whose session is not here. A job gives nothing.
  if to_regclass('payments.unfulfilled_payments') is null then
    create view payments.unfulfilled_payments with (security_invoker = true) as
    select p.*
      from payments.payment_history p
     where p.type = 'one_time_payment' and p.status in ('succeeded', 'partially_refunded')
       and not exists (
         select from payments.checkout_sessions s
           join payments.fulfillments f on f.source = 'checkout:' || s.id and f.environment = s.environment
          where s.environment = p.environment
            and (s.stripe_checkout_session_id = p.stripe_checkout_session_id
                 or s.stripe_payment_intent_id = p.stripe_payment_intent_id)
            and f.kind <> 'fulfillment_jobs' and f.state in ('applied', 'reversed'));
  end if;
end
$install$;

set local search_path = payments, pg_temp;
