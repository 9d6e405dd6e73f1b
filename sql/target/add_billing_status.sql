-- add_billing_status: a subject's first answer. Parameters as in put_billing_status
insert into {target} (
       {team_id}, {stripe_subscription_id}, {status}, {current_period_end}
     , {cancel_at}
     , {cancel_at_period_end}
     , {environment}
       )
values (($1::text)::{team_id:type}, $2::text, ($3::text)::{status:type},
       timestamptz 'epoch' + $4::bigint * interval '1 microsecond'
     , /* {cancel_at} */ timestamptz 'epoch' + $5::bigint * interval '1 microsecond'
     , /* {cancel_at_period_end} */ $6::boolean
     , ($7::text)::{environment:type}
       )
