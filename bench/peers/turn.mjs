// One turn: a contender receives a slice of the stream on all of its connections, and its costs are measured.

import { cpuMicroseconds, diskBytes, walPosition, walSince } from "./server.mjs";

const sortedNumbers = (numbers) => [...numbers].sort((a, b) => a - b);

/** The quantile of the numbers at `share`, which is between 0 and 1. */
export function quantile(numbers, share) {
  const sorted = sortedNumbers(numbers);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

export function median(numbers) {
  const sorted = sortedNumbers(numbers);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Sends each connection its own run of neighboring events, so that no two connections work on one payment. Calls `received`
 * with the milliseconds of each event. */
export async function send(contender, events, clients, received) {
  const share = Math.ceil(events.length / clients);
  const lane = async (number) => {
    for (const event of events.slice(number * share, (number + 1) * share)) {
      const begun = performance.now();
      await contender.receive(number, event);
      received(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => lane(number)));
}

/** Runs one turn. `observer` is a connection to the contender's database, for measuring. */
export async function turn(contender, events, clients, observer) {
  const latencies = [];
  const disk = await diskBytes(observer, contender.schemas);
  const lsn = await walPosition(observer);
  const serverCpu = cpuMicroseconds(contender.pids);
  const clientCpu = process.cpuUsage();
  const begun = performance.now();
  await send(contender, events, clients, (milliseconds) => latencies.push(milliseconds));
  const seconds = (performance.now() - begun) / 1000;
  const used = process.cpuUsage(clientCpu);
  const each = (amount) => amount / events.length;
  const server = each(cpuMicroseconds(contender.pids) - serverCpu);
  const wal = await walSince(observer, lsn);
  return {
    rate: events.length / seconds,
    p50: quantile(latencies, 0.5),
    p95: quantile(latencies, 0.95),
    p99: quantile(latencies, 0.99),
    server_cpu: server,
    client_cpu: each(used.user + used.system),
    wal: each(wal.records),
    wal_images: each(wal.images),
    disk: each((await diskBytes(observer, contender.schemas)) - disk),
  };
}

/** The median of each measure. */
export function medians(turns) {
  return Object.fromEntries(Object.keys(turns[0]).map((measure) => [measure, median(turns.map((one) => one[measure]))]));
}
