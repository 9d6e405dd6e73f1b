-- put_billing_status: a subject's one answer. $1 subject id, $2 subscription, $3 status text, $4 current_period_end, $5 cancel_at bigint (microseconds), $6 cancel_at_period_end boolean, $7 environment text
update {target}
   set {stripe_subscription_id} = $2::text
     , {status} = ($3::text)::{status:type}
     , {current_period_end} = timestamptz 'epoch' + $4::bigint * interval '1 microsecond'
     , {cancel_at} = timestamptz 'epoch' + $5::bigint * interval '1 microsecond'
     , {cancel_at_period_end} = $6::boolean
     , {environment} = ($7::text)::{environment:type}
     , {updated_at} = pg_catalog.now()
 where {team_id} = ($1::text)::{team_id:type}
