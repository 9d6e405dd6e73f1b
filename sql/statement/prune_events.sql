-- prune_events: old events that were dealt with go. $1 older_than interval
delete from payments.webhook_events e
 where e.received_at operator(pg_catalog.<) (pg_catalog.now() operator(pg_catalog.-) $1)
   and e.processing_status operator(pg_catalog.=) any (array['processed', 'ignored'])
