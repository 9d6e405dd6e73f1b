-- registered_subject_types: every type of subject that was registered.
select t.subject_type from payments.subject_types t order by t.subject_type collate pg_catalog."C"
