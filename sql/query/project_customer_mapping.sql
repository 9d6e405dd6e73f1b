-- mapping_states: of mappings, whether another claim or mapping contradicts one; whether the customer is
-- deleted; and whether the mapping is there already (JSON objects).
-- $1 environment text, $2 subject_types, $3 subject_ids, $4 stripe_customer_ids text[], $5 their places bigint[]
select pg_catalog.json_build_object(
         'place', n.place,
         'contested',
         exists (select from payments.mapping_claims c
                  where (c.environment operator(pg_catalog.=) $1) is true and c.subject_type operator(pg_catalog.=) n.subject_type
                    and c.subject_id operator(pg_catalog.=) n.subject_id and c.stripe_customer_id operator(pg_catalog.<>) n.customer)
         or exists (select from payments.mapping_claims c
                     where (c.environment operator(pg_catalog.=) $1) is true and c.stripe_customer_id operator(pg_catalog.=) n.customer
                       and (c.subject_type operator(pg_catalog.<>) n.subject_type or c.subject_id operator(pg_catalog.<>) n.subject_id))
         or exists (select from payments.stripe_customer_mappings m
                     where (m.environment operator(pg_catalog.=) $1) is true and m.subject_type operator(pg_catalog.=) n.subject_type
                       and m.subject_id operator(pg_catalog.=) n.subject_id and m.stripe_customer_id operator(pg_catalog.<>) n.customer)
         or exists (select from payments.stripe_customer_mappings m
                     where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_customer_id operator(pg_catalog.=) n.customer
                       and (m.subject_type operator(pg_catalog.<>) n.subject_type or m.subject_id operator(pg_catalog.<>) n.subject_id)),
         'deleted',
         exists (select from payments.customers d
                  where (d.environment operator(pg_catalog.=) $1) is true and d.stripe_customer_id operator(pg_catalog.=) n.customer
                    and d.deleted),
         'stands',
         exists (select from payments.stripe_customer_mappings m
                  where (m.environment operator(pg_catalog.=) $1) is true and m.subject_type operator(pg_catalog.=) n.subject_type
                    and m.subject_id operator(pg_catalog.=) n.subject_id
                    and m.stripe_customer_id operator(pg_catalog.=) n.customer))::pg_catalog.text
  from (select pg_catalog.unnest($2::pg_catalog.text[]) as subject_type, pg_catalog.unnest($3::pg_catalog.text[]) as subject_id,
               pg_catalog.unnest($4::pg_catalog.text[]) as customer, pg_catalog.unnest($5::bigint[]) as place) as n;

-- upsert_claims: saves claims of completed sessions, those that are new, changed, or have earlier evidence, and tells which
-- (JSON strings: the sessions).
-- $1 environment text, $2 subject_types, $3 subject_ids, $4 stripe_customer_ids text[], $5 evidence_created bigint[],
-- $6 evidence_event_ids, $7 stripe_checkout_session_ids text[]
insert into payments.mapping_claims as c
  (environment, subject_type, subject_id, stripe_customer_id, evidence_created, evidence_event_id, stripe_checkout_session_id)
select $1, n.subject_type, n.subject_id, n.customer, n.created, n.event, n.session
  from (select pg_catalog.unnest($2::pg_catalog.text[]) as subject_type, pg_catalog.unnest($3::pg_catalog.text[]) as subject_id,
               pg_catalog.unnest($4::pg_catalog.text[]) as customer, pg_catalog.unnest($5::bigint[]) as created,
               pg_catalog.unnest($6::pg_catalog.text[]) as event, pg_catalog.unnest($7::pg_catalog.text[]) as session) as n
on conflict (environment, stripe_checkout_session_id) do update
   set (subject_type, subject_id, stripe_customer_id, evidence_created, evidence_event_id)
     = (excluded.subject_type, excluded.subject_id, excluded.stripe_customer_id, excluded.evidence_created,
        excluded.evidence_event_id)
 where row(c.subject_type, c.subject_id, c.stripe_customer_id, c.evidence_created, c.evidence_event_id)::pg_catalog.record
       operator(pg_catalog.*<>)
       row(excluded.subject_type, excluded.subject_id, excluded.stripe_customer_id, excluded.evidence_created,
        excluded.evidence_event_id)
returning pg_catalog.to_json(c.stripe_checkout_session_id)::pg_catalog.text;

-- delete_claim: deletes and returns the claim of a session that lost its local row (a JSON object).
-- $1 environment text, $2 stripe_checkout_session_id text
delete from payments.mapping_claims c
 where (c.environment operator(pg_catalog.=) $1) is true and c.stripe_checkout_session_id operator(pg_catalog.=) $2
returning pg_catalog.row_to_json(c.*)::pg_catalog.text;

-- claims_around: the claims and mappings connected with a subject or a customer, directly or through one another.
-- Those of deleted customers do not count.
-- $1 environment text, $2 subject_type text, $3 subject_id text, $4 stripe_customer_id text
with recursive around (kind, subject_type, subject_id, stripe_customer_id, stripe_checkout_session_id, evidence_created,
                       evidence_event_id) as (
  values ('asked'::pg_catalog.text, $2, $3, $4, null::pg_catalog.text, null::bigint, null::pg_catalog.text)
  union
  select f.*
    from around k
    cross join lateral (
      select 'claim'::pg_catalog.text, c.subject_type, c.subject_id, c.stripe_customer_id, c.stripe_checkout_session_id,
             c.evidence_created, c.evidence_event_id
        from payments.mapping_claims c
       where (c.environment operator(pg_catalog.=) $1) is true and c.subject_type operator(pg_catalog.=) k.subject_type
         and c.subject_id operator(pg_catalog.=) k.subject_id
      union all
      select 'claim'::pg_catalog.text, c.subject_type, c.subject_id, c.stripe_customer_id, c.stripe_checkout_session_id,
             c.evidence_created, c.evidence_event_id
        from payments.mapping_claims c
       where (c.environment operator(pg_catalog.=) $1) is true and c.stripe_customer_id operator(pg_catalog.=) k.stripe_customer_id
      union all
      select case when m.evidence_event_id is null then 'fixed'::pg_catalog.text else 'derived'::pg_catalog.text end, m.subject_type, m.subject_id,
             m.stripe_customer_id, null, m.evidence_created, m.evidence_event_id
        from payments.stripe_customer_mappings m
       where (m.environment operator(pg_catalog.=) $1) is true and m.subject_type operator(pg_catalog.=) k.subject_type
         and m.subject_id operator(pg_catalog.=) k.subject_id
      union all
      select case when m.evidence_event_id is null then 'fixed'::pg_catalog.text else 'derived'::pg_catalog.text end, m.subject_type, m.subject_id,
             m.stripe_customer_id, null, m.evidence_created, m.evidence_event_id
        from payments.stripe_customer_mappings m
       where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_customer_id operator(pg_catalog.=) k.stripe_customer_id
    ) as f (kind, subject_type, subject_id, stripe_customer_id, stripe_checkout_session_id, evidence_created, evidence_event_id)
   where not coalesce((select d.deleted from payments.customers d
                        where (d.environment operator(pg_catalog.=) $1) is true and d.stripe_customer_id operator(pg_catalog.=) f.stripe_customer_id), false)
)
select pg_catalog.json_build_object(
  'claims', coalesce(pg_catalog.json_agg(pg_catalog.to_json(a.*)) filter (where a.kind operator(pg_catalog.=) 'claim'), '[]'::pg_catalog.json),
  'fixed', coalesce(pg_catalog.json_agg(pg_catalog.to_json(a.*)) filter (where a.kind operator(pg_catalog.=) 'fixed'), '[]'::pg_catalog.json),
  'derived', coalesce(pg_catalog.json_agg(pg_catalog.to_json(a.*)) filter (where a.kind operator(pg_catalog.=) 'derived'), '[]'::pg_catalog.json))::pg_catalog.text
  from around a;

-- delete_mapping: deletes a derived mapping that no claim supports any more.
-- $1 environment text, $2 subject_type text, $3 subject_id text, $4 stripe_customer_id text
delete from payments.stripe_customer_mappings m
 where (m.environment operator(pg_catalog.=) $1) is true and m.subject_type operator(pg_catalog.=) $2 and m.subject_id operator(pg_catalog.=) $3
   and m.stripe_customer_id operator(pg_catalog.=) $4
   and m.evidence_event_id is not null;

-- write_mappings: saves the mappings of claims, or their earlier evidence. An admin's own mapping is not changed.
-- $1 environment text, $2 subject_types, $3 subject_ids, $4 stripe_customer_ids text[], $5 evidence_created bigint[],
-- $6 evidence_event_ids text[]
insert into payments.stripe_customer_mappings as m
  (environment, subject_type, subject_id, stripe_customer_id, evidence_created, evidence_event_id)
select $1, n.subject_type, n.subject_id, n.customer, n.created, n.event
  from (select pg_catalog.unnest($2::pg_catalog.text[]) as subject_type, pg_catalog.unnest($3::pg_catalog.text[]) as subject_id,
               pg_catalog.unnest($4::pg_catalog.text[]) as customer, pg_catalog.unnest($5::bigint[]) as created,
               pg_catalog.unnest($6::pg_catalog.text[]) as event) as n
on conflict (environment, subject_type, subject_id) do update
   set (evidence_created, evidence_event_id) = (excluded.evidence_created, excluded.evidence_event_id)
 where m.stripe_customer_id operator(pg_catalog.=) excluded.stripe_customer_id and m.evidence_event_id is not null
   and row(m.evidence_created, m.evidence_event_id)::pg_catalog.record
       operator(pg_catalog.*<>) row(excluded.evidence_created, excluded.evidence_event_id);

-- events_of_session: the events that told of a session (JSON strings). $1 environment text, $2 stripe_checkout_session_id text
select pg_catalog.to_json(f.event_id)::pg_catalog.text from payments.facts f
 where (f.environment operator(pg_catalog.=) $1) is true and f.object_id operator(pg_catalog.=) $2;

-- update_conflict: notes on a session's event that the mapping it asked for was refused, or takes the note back.
-- $1 environment text, $2 stripe_event_ids text[], $3 the event that is the evidence text, $4 conflict text
update payments.webhook_events e
   set conflict = case when e.stripe_event_id operator(pg_catalog.=) $3 then $4 end
 where (e.environment operator(pg_catalog.=) $1) is true and e.stripe_event_id operator(pg_catalog.=) any ($2)
   and row(e.conflict)::pg_catalog.record operator(pg_catalog.*<>) row(case when e.stripe_event_id operator(pg_catalog.=) $3 then $4 end);

-- delete_customer_mapping: deletes a deleted customer's mapping, and returns its subject.
-- $1 environment text, $2 stripe_customer_id text
delete from payments.stripe_customer_mappings m
 where (m.environment operator(pg_catalog.=) $1) is true and m.stripe_customer_id operator(pg_catalog.=) $2
returning pg_catalog.json_build_object('subject_type', m.subject_type, 'subject_id', m.subject_id)::pg_catalog.text;

-- claims_of_customer: the claims on a customer (JSON objects).
-- $1 environment text, $2 stripe_customer_id text
select pg_catalog.row_to_json(c.*)::pg_catalog.text
  from payments.mapping_claims c
 where (c.environment operator(pg_catalog.=) $1) is true and c.stripe_customer_id operator(pg_catalog.=) $2
 order by c.stripe_checkout_session_id;

-- all_claims: every claim on a mapping. $1 environment text
select pg_catalog.row_to_json(c.*)::pg_catalog.text from payments.mapping_claims c
 where (c.environment operator(pg_catalog.=) $1) is true order by c.stripe_checkout_session_id;
