-- insert_billing_status: a subject's first answer. Parameters as in update_billing_status
insert into {target} (
       {team_id}, {stripe_subscription_id}, {status}, {current_period_end}
     , {cancel_at}
     , {cancel_at_period_end}
     , {environment}
       )
values ($1::{team_id:type}, $2::pg_catalog.text, $3::{status:type},
       pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) ($4::bigint operator(pg_catalog.*) interval '1 microsecond')
     , /* {cancel_at} */ pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) ($5::bigint operator(pg_catalog.*) interval '1 microsecond')
     , /* {cancel_at_period_end} */ $6::boolean
     , $7::{environment:type}
       )
