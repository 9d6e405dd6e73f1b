-- lock_projection: locks the projection exclusively until the transaction ends: it waits for work that is in progress, and other work waits.
lock table payments.fact_links in exclusive mode;
