-- What the pages of docs/ find: the app's default tables, a webhook secret, and a stand-in for Stripe.
\ir ../../examples/stripe.sql
grant create on schema public to project_admin;
set role project_admin;
select payments.create_app_tables() \g /dev/null
reset role;
select payments.set_webhook_secret('test', 'whsec_of_the_docs') \g /dev/null
