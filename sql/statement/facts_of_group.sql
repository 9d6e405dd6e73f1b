-- facts_of_group: the statements of a group. $1 environment text, $2 anchor text
select f.statement::text from payments.facts f where f.environment = $1 and f.anchor = $2
