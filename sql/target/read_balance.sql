-- read_balance: a subject's credits. $1 subject type, $2 subject id text
select ({balance})::text from (select $1::text as subject_type, $2::text as subject_id) as s
