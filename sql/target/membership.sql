-- membership: the subjects that an app's membership table gives a user; names and conditions are filled in. $1 user id text
select {subject_text} from {members} m where {conditions} and m.{subject} is not null
