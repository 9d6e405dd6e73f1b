-- read_balance: a subject's credits. $1 subject type, $2 subject id text
select ({balance})::pg_catalog.text from (select $1::{subject_type:type} as subject_type, $2::{subject_id:type} as subject_id) as s
