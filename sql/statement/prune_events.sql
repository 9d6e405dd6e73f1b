-- prune_events: old events that were dealt with go. $1 older_than interval
delete from payments.webhook_events e
 where e.received_at < pg_catalog.now() - $1 and e.processing_status in ('processed'::text, 'ignored'::text)
