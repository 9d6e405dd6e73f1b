-- ask_predicate: what an app's predicate says; its name is filled in. $1 user_id text, $2 subject_id text
select pg_catalog.to_json({predicate}($1, $2))::pg_catalog.text
