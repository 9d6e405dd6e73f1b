-- find_due: whether a subject has credits that lapsed and are not written yet, and its subscriptions that have a part that is due.
-- $1 target table, $2 subject type, $3 subject id text
select pg_catalog.json_build_object(
  'lapsed', exists (select from payments.credit_lots l
                     where l.subject_id operator(pg_catalog.=) $3 and l.subject_type operator(pg_catalog.=) $2 and l.target_table operator(pg_catalog.=) $1
                       and l.lapsed is null and l.expires_at operator(pg_catalog.<=) pg_catalog.now()),
  'subscriptions', (select coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(n.environment, n.stripe_subscription_id)
                                                        order by n.stripe_subscription_id), '[]')
                      from payments.credit_schedules n
                     where n.subject_id operator(pg_catalog.=) $3 and n.subject_type operator(pg_catalog.=) $2 and n.target_table operator(pg_catalog.=) $1
                       and n.next_at operator(pg_catalog.<=) pg_catalog.now()))::pg_catalog.text;

-- find_due_subjects: whose credits lapsed, or are due, without that anybody looked, a batch of them with what was due first (JSON
-- objects); without those whose lapses failed, which are tried again as what failed. $1 target table text
select pg_catalog.json_build_object('subject_type', d.subject_type, 'subject_id', d.subject_id)::pg_catalog.text
  from (select l.subject_type, l.subject_id, l.expires_at as due_at
          from payments.credit_lots l
         where l.target_table operator(pg_catalog.=) $1 and l.lapsed is null and l.expires_at operator(pg_catalog.<=) pg_catalog.now()
        union all
        select n.subject_type, n.subject_id, n.next_at
          from payments.credit_schedules n
         where n.target_table operator(pg_catalog.=) $1 and n.next_at operator(pg_catalog.<=) pg_catalog.now()) d
 where not exists (select from payments.fulfillments f
                    where f.source operator(pg_catalog.=) pg_catalog.concat('subject:', d.subject_type, ':', d.subject_id)
                      and f.kind operator(pg_catalog.=) 'credit_ledger' and f.target_table operator(pg_catalog.=) $1)
 group by d.subject_type, d.subject_id
 order by pg_catalog.min(d.due_at), d.subject_type, d.subject_id
 limit 500;
