-- fire_deferred: what constraints and constraint triggers have put off until the commit happens now.
set constraints all immediate
