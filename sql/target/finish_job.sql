-- finish_job: it is done. $1 id text
update {target}
   set {state} = 'done', {last_error} = null
     , {updated_at} = pg_catalog.now()
 where {id} operator(pg_catalog.=) $1::{id:type} and {state} operator(pg_catalog.=) any (array['pending', 'claimed'])
