#!/usr/bin/env bash
# A member reads another's invoices, payment methods and subscriptions through the views of the billing page, or writes through them.
. "$(dirname "$0")/../attack.sh"
q -c "insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id) values ('test', 'user', 'victim', 'cus_hidden')" \
  -c "do \$\$ begin
        perform public.deliver('in', 'invoice.paid', '{\"id\": \"in_hidden\", \"object\": \"invoice\", \"status\": \"paid\", \"amount_due\": 7654321,
          \"amount_paid\": 7654321, \"currency\": \"usd\", \"customer\": \"cus_hidden\", \"created\": 1752000000}');
        perform public.deliver('pm', 'payment_method.attached', '{\"id\": \"pm_hidden\", \"object\": \"payment_method\", \"type\": \"card\",
          \"customer\": \"cus_hidden\", \"card\": {\"brand\": \"visa\", \"last4\": \"4242\", \"exp_month\": 1, \"exp_year\": 2031}}');
        perform public.deliver('sub', 'customer.subscription.created', '{\"id\": \"sub_hidden\", \"object\": \"subscription\",
          \"customer\": \"cus_hidden\", \"status\": \"active\", \"items\": {\"data\": []}}');
      end \$\$"
victim='-c role=authenticated -c request.jwt.claims={"sub":"victim","role":"authenticated"}'
page() { by "$1" -c "table payments.my_invoices" -c "table payments.my_payment_methods" -c "table payments.my_subscriptions"; }
# A cheap function in a condition, which prints its argument. It must not be called for rows that the view leaves out.
q -c "create function public.shown(text) returns boolean language plpgsql cost 0.0001 as \$\$ begin raise notice 'shown %', \$1; return true; end \$\$"
told() { page "$1" | grep -E 'hidden|7654321' | head -3; }
leaks() { PGOPTIONS="-c client_min_messages=notice" by "$mallory" -c "select count(*) from payments.my_invoices where public.shown(stripe_invoice_id)" | grep hidden; }
reads() { told "$mallory" | grep .; }
writes() {
  by "$mallory" -c "delete from payments.my_invoices" -c "update payments.my_invoices set subject_id = 'mallory'" \
    -c "insert into payments.my_payment_methods (environment) values ('test')" -c "update payments.my_subscriptions set status = 'canceled'" \
    -c "delete from payments.invoices" -c "update payments.payment_methods set is_default = true" > /dev/null
  ! is_true "select count(*) = 3 from (select from payments.invoices where subject_id = 'victim' union all
             select from payments.payment_methods where not is_default union all select from payments.subscriptions where status = 'active') s"
}
access() { by "$mallory" -c "select payments.caller_access_until('test', 'sub_hidden') is not null" | grep -qx t; }
attack "the victim does not see it" eval '[ "$(told "$victim" | grep -c .)" != 3 ]'
attack "a member reads another's billing page" reads
attack "a guest reads a billing page" eval 'told "$anon" | grep .'
attack "a member is told of another's subscription" access
attack "a condition is asked of another's invoices" leaks
q -c "grant all on all tables in schema payments to anon, authenticated"
attack "a member to whom all is granted reads another's billing page" reads
attack "a guest to whom all is granted reads a billing page" eval 'told "$anon" | grep .'
attack "a member to whom all is granted writes" writes

# Without the protections, one at a time.
q -c "create policy open on payments.invoices for delete using (true)" -c "create policy see on payments.invoices for select using (true)"
control "the row security of invoices is open" writes
q -c "create or replace view payments.my_payment_methods with (security_barrier = true) as
      select p.environment, p.stripe_payment_method_id, m.subject_type, m.subject_id, p.type, p.brand, p.last4, p.exp_month, p.exp_year, p.is_default
        from payments.stripe_customer_mappings m join payments.payment_methods p using (environment, stripe_customer_id)"
control "a view does not ask for the caller's subjects" reads
