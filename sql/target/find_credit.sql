-- find_credit: the line of a source. $1 source text
select pg_catalog.json_build_object('delta', l.{delta}, 'balance_after', l.{balance_after})::text
  from {target} l where l.{source} = $1::text
