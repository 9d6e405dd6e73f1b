-- fire_deferred: lets what constraint triggers on our tables have put off until the commit happen now.
select payments.fire_deferred()
