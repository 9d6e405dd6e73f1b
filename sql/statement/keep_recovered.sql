-- keep_recovered: which session Stripe made this one of. $1 environment text, $2 stripe_checkout_session_id text, $3 recovered_from text
insert into payments.recovered_sessions (environment, stripe_checkout_session_id, recovered_from)
values ($1, $2, $3)
on conflict (environment, stripe_checkout_session_id) do nothing
