// What the server uses: CPU of its backends, write-ahead log, disk.

import { readFileSync } from "node:fs";

/** Microseconds of CPU, user and system, that these processes have used. /proc/PID/stat has the same in ticks of 10 ms. */
export function cpuMicroseconds(pids) {
  return pids.reduce((sum, pid) => sum + Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1000, 0);
}

/** Bytes of memory that a process shares with no other, so without shared buffers. */
export function ownMemory(pid) {
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1024;
}

export async function walPosition(client) {
  return (await client.query("select pg_current_wal_flush_lsn() as lsn")).rows[0].lsn;
}

/** Bytes of write-ahead log since a position: all records, and the images of full pages that follow a checkpoint. */
export async function walSince(client, lsn) {
  const { rows } = await client.query(
    `select coalesce(sum(record_size), 0)::float8 as records, coalesce(sum(fpi_size), 0)::float8 as images
       from pg_get_wal_stats($1, pg_current_wal_flush_lsn())`,
    [lsn],
  );
  return rows[0];
}

/** Bytes on disk of all tables of these schemas, with their indexes and TOAST. */
export async function diskBytes(client, schemas) {
  const { rows } = await client.query(
    `select sum(pg_total_relation_size(oid))::float8 as bytes from pg_class
      where relkind = 'r' and relnamespace = any ($1::text[]::regnamespace[])`,
    [schemas],
  );
  return rows[0].bytes;
}
