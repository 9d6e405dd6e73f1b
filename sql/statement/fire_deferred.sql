-- fire_deferred: what constraint triggers on our tables have put off until the commit happens now
select payments.fire_deferred()
