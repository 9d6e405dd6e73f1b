-- drop_billing_status: the subject has no subscription any more. $1 subject id text
delete from {target} where {team_id} = ($1::text)::{team_id:type}
