-- mark_conflict: notes on a session's event that the mapping it asked for was refused, or takes the note back.
-- $1 environment text, $2 stripe_checkout_session_id text, $3 the event that is the evidence text, $4 conflict text
update payments.webhook_events e
   set conflict = case when e.stripe_event_id operator(pg_catalog.=) $3 then $4 end
 where (e.environment operator(pg_catalog.=) $1) is true and e.object_id operator(pg_catalog.=) $2
   and row(e.conflict)::pg_catalog.record operator(pg_catalog.*<>) row(case when e.stripe_event_id operator(pg_catalog.=) $3 then $4 end)
