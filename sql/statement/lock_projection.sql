-- lock_projection: waits for what is being projected and keeps the rest waiting, until the transaction ends.
lock table payments.links in exclusive mode
