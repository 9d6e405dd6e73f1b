-- lock_projection: waits for what is being projected and keeps the rest waiting, until the transaction ends.
lock table payments.fact_links in exclusive mode;
