-- update_billing_status: a subject's one answer. $1 subject id, $2 subscription, $3 status text, $4 current_period_end, $5 cancel_at bigint (microseconds), $6 cancel_at_period_end boolean, $7 environment text
update {target}
   set {stripe_subscription_id} = $2::pg_catalog.text
     , {status} = $3::{status:type}
     , {current_period_end} = pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) ($4::bigint operator(pg_catalog.*) interval '1 microsecond')
     , {cancel_at} = pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) ($5::bigint operator(pg_catalog.*) interval '1 microsecond')
     , {cancel_at_period_end} = $6::boolean
     , {environment} = $7::{environment:type}
     , {updated_at} = pg_catalog.now()
 where {team_id} operator(pg_catalog.=) $1::{team_id:type}
