-- find_billing_status: whether a subject has an answer. $1 subject id text
select 'true'::pg_catalog.text from {target} where {team_id} operator(pg_catalog.=) $1::{team_id:type}
