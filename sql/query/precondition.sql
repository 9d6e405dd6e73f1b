-- live_approval: whether live is approved (a JSON boolean).
select pg_catalog.to_json(e.live_approved_at is not null)::pg_catalog.text from payments.environments e where e.environment operator(pg_catalog.=) 'live';
