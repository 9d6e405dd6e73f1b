// Compares payments with what one would write or install instead, in one run: peers.mjs FILE. The contenders take turns with the
// same stream, and each slice of it is new to each of them. Prints a table for each number of clients, with the ratio of the
// previous run beside each new one, and adds each row to FILE. bench/peers.sh has the settings.

import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { Collected, Floor, HandWritten, Ignoring, Payments, SyncEngine, Triggers, WithoutSessions } from "./contenders.mjs";
import { pg } from "./packages.mjs";
import { comparison, heading, line } from "./report.mjs";
import { Stream } from "./stream.mjs";
import { median, medians, turn } from "./turn.mjs";

const [file] = process.argv.slice(2);
const { BENCH_EVENTS, BENCH_ROUNDS, BASE, COMMIT, BASE_COMMIT } = process.env;
const CLIENTS = [1, 2, 8];
const rounds = Number(BENCH_ROUNDS);
// A multiple of every number of clients, so that all connections get whole payments, and the same number of them.
const payments = Math.ceil(Number(BENCH_EVENTS) / 3 / 8) * 8;
const WARM_UP = 10; // payments for each connection, so that prepared statements get their generic plans
const started = new Date().toISOString();

const observers = {};
async function observe(database) {
  if (!observers[database]) {
    observers[database] = new pg.Client({ database });
    await observers[database].connect();
  }
  return observers[database];
}

function earlierResults() {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8").trim().split("\n").map((row) => JSON.parse(row));
}

const earlier = earlierResults();

function record(title, clients, { name, commit = COMMIT }, measures) {
  const before = earlier.findLast((row) => row.title === title && row.clients === clients && row.contender === name);
  const row = { started, commit, title, clients, contender: name, rounds, ...measures };
  appendFileSync(file, `${JSON.stringify(row)}\n`);
  console.log(line({ ...row, before: before?.ratio }));
}

async function arrived(contender, observer) {
  const { rows } = await observer.query(contender.arrived);
  return { events: Number(rows[0].events), orders: Number(rows[0].orders) };
}

/** Plays a slice with a contender: creates its orders, sends it the slice, and checks that everything has arrived. */
async function play(contender, { span, events }, clients) {
  const observer = await observe(contender.database);
  await contender.makeOrders?.(observer, span);
  const before = await arrived(contender, observer);
  const sent = events().filter((event) => contender.takes(event));
  const result = await turn(contender, sent, clients, observer);
  const after = await arrived(contender, observer);
  const sessions = contender.makeOrders ? sent.filter((event) => event.object === "checkout.session").length : 0;
  if (after.events - before.events !== sent.length) {
    throw new Error(`${contender.name}: ${after.events - before.events} of ${sent.length} events have arrived`);
  }
  if (after.orders - before.orders !== sessions) {
    throw new Error(`${contender.name}: ${after.orders - before.orders} of ${sessions} orders are paid`);
  }
  return result;
}

/** Plays all contenders in turn; each round begins with another one. Returns the medians of each. */
async function compare(contenders, clients, slice) {
  for (const contender of contenders) await contender.open(clients);
  const turns = new Map(contenders.map((contender) => [contender, []]));
  const warmUp = slice(WARM_UP * clients);
  for (const contender of contenders) await play(contender, warmUp, clients);
  for (let round = 0; round < rounds; round += 1) {
    const fresh = slice(payments);
    const first = round % contenders.length;
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
      turns.get(contender).push(await play(contender, fresh, clients));
    }
  }
  for (const contender of contenders) await contender.close();
  const ours = turns.get(contenders[0]);
  return new Map([...turns].map(([contender, measured]) => {
    // A machine is often busy for a whole round, so rates are compared within a round.
    const ratio = median(measured.map((one, round) => ours[round].rate / one.rate));
    return [contender, { ...medians(measured), ratio }];
  }));
}

function print(title, clients, results) {
  console.log(heading(title, clients, rounds));
  const [[, ours]] = results;
  for (const [contender, measures] of results) record(title, clients, contender, measures);
  const base = [...results].find(([contender]) => contender.commit);
  if (base) console.log(comparison(base[0].name, base[1], ours));
}

/** The contenders of a comparison: payments first, then its earlier build, then the others. */
function lineUp(Ours, others) {
  const base = new Ours(`payments at ${BASE}`, "bench_base");
  base.commit = BASE_COMMIT;
  return [new Ours("payments", "bench"), ...(BASE ? [base] : []), ...others];
}

async function main() {
  await SyncEngine.migrate();
  const stream = await Stream.of(await observe("bench"));
  const slices = (make) => (count) => {
    const span = stream.take(count);
    return { span, events: () => stream[make](span) };
  };
  const contenders = lineUp(Payments, [new HandWritten(), new Triggers(), new SyncEngine(), new Floor()]);
  for (const clients of CLIENTS) {
    print("one-time payments", clients, await compare(contenders, clients, slices("payments")));
  }
  const together = [new Collected("payments, collected", "bench"), ...contenders.slice(1)];
  print("one-time payments that are passed on together, as by payments-bridge", 8, await compare(together, 8, slices("payments")));
  for (const clients of CLIENTS) {
    const alike = lineUp(WithoutSessions, [new SyncEngine()]);
    print("intents and charges alone", clients, await compare(alike, clients, slices("payments")));
  }
  print("events that change no row", 1, await compare(lineUp(Ignoring, [new Floor()]), 1, slices("unhandled")));
  for (const client of Object.values(observers)) await client.end();
}

await main();
