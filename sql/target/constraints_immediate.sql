-- constraints_immediate: checks constraints at once, until the transaction ends; their names are filled in
set constraints {constraints} immediate
