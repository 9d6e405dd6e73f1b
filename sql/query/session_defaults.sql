-- seconds_of: how long an interval is (a JSON number), which raises where the text is none. $1 interval text
select pg_catalog.to_json(pg_catalog.floor(extract(epoch from $1::pg_catalog.interval))::pg_catalog.int8)::pg_catalog.text;
