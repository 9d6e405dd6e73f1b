-- finish_job: it is done. $1 id text
update {target}
   set {state} = 'done', {last_error} = null
 where {id} = ($1::text)::{id:type} and {state} in ('pending', 'claimed')
