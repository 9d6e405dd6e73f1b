-- lock_subject: one writer at a time for the credits of a subject, until the transaction ends. $1 relation, $2 subject type, $3 subject id text
select pg_catalog.to_json(true)::text
  from (select pg_catalog.pg_advisory_xact_lock(
                 pg_catalog.hashtextextended(pg_catalog.format('%s %s %s'::text, $1, $2, $3), 7221980))) l
