-- constraints_deferred: leaves constraints to the commit again, as they were declared; their names are filled in
set constraints {constraints} deferred
