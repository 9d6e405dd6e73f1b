-- read_balance: a subject's credits. $1 subject type, $2 subject id text
select ({balance})::text
