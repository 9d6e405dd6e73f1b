-- facts_of_group: the statements of a group. $1 environment text, $2 anchor text
select f.statement::text from payments.facts f where f.environment is not distinct from $1 and f.anchor = $2
