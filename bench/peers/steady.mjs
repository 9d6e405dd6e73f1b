// Minutes of load over the same connections, in turn with the floor. See bench/steady.sh.

import { Floor, Payments } from "./contenders.mjs";
import { pg } from "./packages.mjs";
import { ownMemory } from "./server.mjs";
import { Stream } from "./stream.mjs";
import { quantile, send } from "./turn.mjs";

const CLIENTS = 8;
const PAYMENTS_OF_A_TURN = 480;
const limit = Number(process.env.BENCH_MINUTES) * 60_000; // milliseconds
const edge = Math.min(60_000, limit / 2); // the first and the last minute, or each half of a shorter run

/** One side: how long it has been under load, and the latency of each event with the time in that load. */
class Side {
  loaded = 0;
  latencies = [];

  constructor(contender) {
    this.contender = contender;
  }

  async turn(events) {
    const begun = performance.now();
    await send(this.contender, events, CLIENTS, (milliseconds) => {
      this.latencies.push({ at: this.loaded + performance.now() - begun, milliseconds });
    });
    this.loaded += performance.now() - begun;
  }

  p99(from, to) {
    const within = this.latencies.filter(({ at }) => at >= from && at < to);
    return quantile(within.map(({ milliseconds }) => milliseconds), 0.99).toFixed(2);
  }

  /** p99 of the first and of the last minute, and the rate over the whole load. */
  get line() {
    const seconds = edge / 1000;
    const rate = Math.round(this.latencies.length / (this.loaded / 1000));
    return `${this.contender.name}: p99 ${this.p99(0, edge)} ms in the first ${seconds} s of load, ` +
      `${this.p99(this.loaded - edge, Infinity)} ms in the last; ${rate} events/s, ${this.latencies.length} events`;
  }
}

function memoryOf(pids) {
  const bytes = pids.map(ownMemory);
  return { mean: bytes.reduce((sum, one) => sum + one, 0) / bytes.length, most: Math.max(...bytes) };
}

const megabytes = (bytes) => `${(bytes / 1048576).toFixed(1)} MB`;

// The tables that the load writes, which are those with at least a tenth as many writes as events.
const TABLES = `
  select s.relid::regclass::text as name, p.tuple_count as live, s.n_dead_tup as dead, p.dead_tuple_percent as dead_percent,
         p.free_percent, pg_table_size(s.relid) / greatest(p.tuple_count, 1) as row_bytes,
         pg_indexes_size(s.relid) / greatest(p.tuple_count, 1) as index_bytes,
         s.n_tup_upd as updates, round(100.0 * s.n_tup_hot_upd / nullif(s.n_tup_upd, 0)) as hot, s.autovacuum_count as vacuums
    from pg_stat_user_tables s, lateral pgstattuple(s.relid) p
   where s.schemaname in ('payments', 'public', 'bench') and s.n_tup_ins + s.n_tup_upd >= $1
   order by s.schemaname = 'bench', s.n_tup_ins + s.n_tup_upd desc`;

function tableLine(table) {
  const updates = table.hot === null ? "no updates" : `${table.hot} % of ${table.updates} updates HOT`;
  return `${table.name}: ${table.live} rows, ${table.dead} dead; ` +
    `of its pages ${table.dead_percent} % dead and ${table.free_percent} % free; ` +
    `${table.row_bytes} B a row with TOAST, ${table.index_bytes} B of indexes; ${updates}; vacuumed ${table.vacuums} times`;
}

async function main() {
  const observer = new pg.Client({ database: "bench" });
  await observer.connect();
  const stream = await Stream.of(observer);
  const ours = new Payments("payments", "bench");
  const sides = [new Side(ours), new Side(new Floor())];
  for (const { contender } of sides) await contender.open(CLIENTS);
  let first;
  while (sides.some((side) => side.loaded < limit)) {
    const span = stream.take(PAYMENTS_OF_A_TURN);
    await ours.makeOrders(observer, span);
    for (const side of sides) {
      if (side.loaded < limit) await side.turn(stream.payments(span));
    }
    first ??= memoryOf(ours.pids);
  }
  const last = memoryOf(ours.pids);
  const events = sides[0].latencies.length;
  console.log(`\nSteady load, ${CLIENTS} clients, ${process.env.BENCH_MINUTES} minutes of load each`);
  console.log(`memory of a backend: ${megabytes(first.mean)} after ${PAYMENTS_OF_A_TURN * 3} events, ` +
    `${megabytes(last.mean)} after ${events}; the largest ${megabytes(last.most)}`);
  for (const side of sides) console.log(side.line);
  for (const { contender } of sides) await contender.close();
  // Other sessions see the counts of a connection once it is closed.
  await observer.query("select pg_stat_clear_snapshot(), pg_sleep(1)");
  const { rows } = await observer.query(TABLES, [Math.floor(events / 10)]);
  for (const table of rows) console.log(tableLine(table));
  await observer.end();
}

await main();
