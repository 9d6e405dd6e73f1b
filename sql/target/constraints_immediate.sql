set constraints {constraints} immediate
