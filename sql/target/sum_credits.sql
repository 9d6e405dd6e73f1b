-- sum_credits: what the lines of a source, and of the steps after it, come to. $1 source text
select coalesce(pg_catalog.sum(l.{delta}), 0)::pg_catalog.text
  from {target} l
 where l.{source} operator(pg_catalog.=) $1::pg_catalog.text
    or pg_catalog.starts_with(l.{source}, $1::pg_catalog.text operator(pg_catalog.||) ':')
