-- delete_billing_status: the subject has no subscription any more. $1 subject id text
delete from {target} where {team_id} operator(pg_catalog.=) $1::{team_id:type}
