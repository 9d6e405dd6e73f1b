-- read_balance: a subject's credits. $1 subject type, $2 subject id text
select ({balance})::pg_catalog.text from (select $1::pg_catalog.text as subject_type, $2::pg_catalog.text as subject_id) as s
