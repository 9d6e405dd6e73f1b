-- write_credit: one line of the ledger, unless its source is there already. $1 subject_type, $2 subject_id text, $3 delta bigint, $4 reason, $5 source text
insert into {target} ({subject_type}, {subject_id}, {delta}, {balance_after}, {reason}, {source})
select $1::{subject_type:type}, $2::{subject_id:type}, $3::bigint, {balance} + $3::bigint, ($4::text)::{reason:type}, $5::text
on conflict ({source}) do nothing
returning {balance_after}::text
