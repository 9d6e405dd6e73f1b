set constraints {constraints} deferred
