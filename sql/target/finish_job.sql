-- finish_job: it is done. $1 id text
update {target}
   set {state} = 'done', {last_error} = null
     , {updated_at} = pg_catalog.now()
 where {id} = ($1::text)::{id:type} and {state} in ('pending', 'claimed')
