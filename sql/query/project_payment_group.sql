-- links_of: the groups that ids belong to. $1 environment text, $2 keys text[]
select pg_catalog.json_build_object('key', l.key, 'group_id', l.group_id)::pg_catalog.text
  from payments.fact_links l
 where (l.environment operator(pg_catalog.=) $1) is true and l.key operator(pg_catalog.=) any ($2 collate pg_catalog."C")
 order by l.key collate pg_catalog."C";

-- add_links: adds ids to groups, in the order of the ids; one that another delivery is adding is waited for.
-- $1 environment text, $2 keys, $3 group_ids text[]
insert into payments.fact_links (environment, key, group_id)
select $1, k.key, k.group_id
  from (select pg_catalog.unnest($2::pg_catalog.text[]) as key, pg_catalog.unnest($3::pg_catalog.text[]) as group_id) as k
 order by k.key collate pg_catalog."C"
on conflict (environment, key) do nothing;

-- facts_of_group: the statements of a group. $1 environment text, $2 group_id text
select f.statement::pg_catalog.text from payments.facts f where (f.environment operator(pg_catalog.=) $1) is true and f.group_id operator(pg_catalog.=) $2;

-- facts_of_groups: the statements of several groups (JSON objects). $1 environment text, $2 group_ids text[]
select pg_catalog.json_build_object('group_id', f.group_id, 'fact', f.statement)::pg_catalog.text
  from payments.facts f
 where (f.environment operator(pg_catalog.=) $1) is true and f.group_id operator(pg_catalog.=) any ($2 collate pg_catalog."C");

-- merge_facts: moves the facts of groups that turn out to be one payment into one group.
-- $1 environment text, $2 group_id text, $3 group_ids merged into it text[]
with moved as (
  update payments.facts f set group_id = $2
   where (f.environment operator(pg_catalog.=) $1) is true and f.group_id operator(pg_catalog.=) any ($3 collate pg_catalog."C")
  returning f.keys
)
update payments.fact_links l set group_id = $2
 where (l.environment operator(pg_catalog.=) $1) is true and l.key operator(pg_catalog.=) any (array(select pg_catalog.unnest(m.keys) from moved m));

-- move_links: moves ids to a group. $1 environment text, $2 group_id text, $3 keys text[]
update payments.fact_links l set group_id = $2
 where (l.environment operator(pg_catalog.=) $1) is true and l.key operator(pg_catalog.=) any ($3 collate pg_catalog."C") and l.group_id operator(pg_catalog.<>) $2;

-- group_ids_of_customer: the groups that a customer has facts in (JSON strings).
-- $1 environment text, $2 stripe_customer_id text
select distinct pg_catalog.to_json(f.group_id)::pg_catalog.text
  from payments.facts f
 where (f.environment operator(pg_catalog.=) $1) is true and f.stripe_customer_id operator(pg_catalog.=) $2 and f.group_id is not null;

-- group_ids_of_subscription: the groups that a subscription has facts in (JSON strings).
-- $1 environment text, $2 stripe_subscription_id text
select distinct pg_catalog.to_json(f.group_id)::pg_catalog.text
  from payments.facts f
 where (f.environment operator(pg_catalog.=) $1) is true and f.stripe_subscription_id operator(pg_catalog.=) $2 and f.group_id is not null;
