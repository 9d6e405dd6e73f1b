-- write_credits: inserts lines into the ledger in their order, except those whose source is there already. Returns their balances.
-- $1 subject types, $2 subject ids, $3 what they and the lines before them change of the subject's balance bigint[], $4
-- deltas bigint[], $5 reasons, $6 sources, $7 notes text[], $8 when they lapse timestamptz[]
insert into {target} (
       {subject_type}, {subject_id}, {delta}, {balance_after}, {reason}
     , {note}
     , {expires_at}
     , {source})
select s.subject_type, s.subject_id, s.delta, {balance} operator(pg_catalog.+) s.change, s.reason
     , /* {note} */ s.note
     , /* {expires_at} */ s.expires_at
     , s.source
  from (select pg_catalog.unnest($1::{subject_type:type}[]) as subject_type, pg_catalog.unnest($2::{subject_id:type}[]) as subject_id,
               pg_catalog.unnest($3::bigint[]) as change, pg_catalog.unnest($4::bigint[]) as delta,
               pg_catalog.unnest($5::{reason:type}[]) as reason, pg_catalog.unnest($6::pg_catalog.text[]) as source,
               pg_catalog.unnest($7::pg_catalog.text[]) as note, pg_catalog.unnest($8::pg_catalog.timestamptz[]) as expires_at) as s
on conflict ({source}) do nothing
returning {balance_after}::pg_catalog.text;

-- read_balance: a subject's credits. $1 subject type, $2 subject id text
select ({balance})::pg_catalog.text from (select $1::{subject_type:type} as subject_type, $2::{subject_id:type} as subject_id) as s;

-- sum_credits: the sum of the lines of a source, and of the lines that change it later. $1 source text
select coalesce(pg_catalog.sum(l.{delta}), 0)::pg_catalog.text
  from {target} l
 where l.{source} operator(pg_catalog.=) $1::pg_catalog.text
    or pg_catalog.starts_with(l.{source}, $1::pg_catalog.text operator(pg_catalog.||) ':');

-- find_credit: the line of a source, and whether it is of this subject. $1 source, $2 subject type, $3 subject id text
select pg_catalog.json_build_object('delta', l.{delta}, 'balance_after', l.{balance_after}, 'same_subject',
         coalesce(l.{subject_type} operator(pg_catalog.=) $2::{subject_type:type} and l.{subject_id} operator(pg_catalog.=) $3::{subject_id:type}, false))::pg_catalog.text
  from {target} l where l.{source} operator(pg_catalog.=) $1::pg_catalog.text;
