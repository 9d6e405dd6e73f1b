-- lock_anchor: locks a group of facts. $1 environment text, $2 anchor text
select 1 from payments.links l where l.environment = $1 and l.key = $2 for no key update
