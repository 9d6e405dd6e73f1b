#!/usr/bin/env python3
"""A worker for fulfillment_jobs: e-mails, shipping, anything outside of the database.

Run as many as you like. Each job is done at least once: if this process dies between the work and finish_job, the job is
due again after 5 minutes. So the work must be repeatable; job["source"] and job["kind"] together identify it forever.

    pip install psycopg && DATABASE_URL=postgresql://… ./worker.py
"""
import os
import sys

import psycopg
from psycopg.rows import dict_row


def work(job):
    """Does what the app needs. Raise an error to have it tried again later."""
    bought = job["payload"]
    if job["kind"] == "payment_succeeded":
        print(f"send a receipt for {bought['amount']} {bought['currency']} to user {bought['user_id']}")
    elif job["kind"] == "payment_returned":
        print(f"stop the shipping of order {bought['order_id']}")


def work_off(connection):
    """Claims and does jobs until none is due."""
    while jobs := connection.execute("select * from payments.claim_jobs(10)").fetchall():
        for job in jobs:
            try:
                work(job)
            except Exception as error:
                connection.execute("select payments.fail_job(%s::text, %s)", (job["id"], str(error)))
            else:
                connection.execute("select payments.finish_job(%s::text)", (job["id"],))


def main():
    with psycopg.connect(os.environ.get("DATABASE_URL", ""), autocommit=True, row_factory=dict_row) as connection:
        connection.execute("listen payments_jobs")
        while True:
            work_off(connection)
            if "--once" in sys.argv:
                break
            # Wakes when a payment commits, and every minute for jobs that failed before.
            next(connection.notifies(timeout=60, stop_after=1), None)


if __name__ == "__main__":
    main()
