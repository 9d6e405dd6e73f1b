-- find_billing_status: whether a subject has an answer. $1 subject id text
select 'true'::text from {target} where {team_id} = ($1::text)::{team_id:type}
