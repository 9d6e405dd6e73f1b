-- withdraw_job: takes back a job that no worker has begun. $1 kind text, $2 source text
delete from {target} j
 where j.{kind} = $1::text and j.{source} = $2::text and j.{state} = 'pending' and j.{attempts} = 0
