// The contenders. Each opens one connection for each client, and receives events on them. Afterwards it counts how many of the
// sent events have arrived, so that a failed event does not count as a fast one.

import { pg, runMigrations, Stripe, StripeSync } from "./packages.mjs";
import { SECRET } from "./stream.mjs";
import { handle } from "./hand_written.mjs";

/** On how many connections payments-bridge passes deliveries on, by default. */
const BRIDGE_WORKERS = 4;

const webhooks = new Stripe("sk_test_unused").webhooks;

/** Whether an event is not about a session. */
const isNoSession = (event) => event.object !== "checkout.session";

/** Connections by `pg`, one for each client. Every event is received on one of them. */
class Contender {
  database = "bench";

  takes() {
    return true;
  }

  async open(clients) {
    this.connections = Array.from({ length: clients }, () => new pg.Client({ database: this.database }));
    for (const client of this.connections) await client.connect();
    this.pids = this.connections.map((client) => client.processID);
  }

  async close() {
    for (const client of this.connections) await client.end();
  }
}

/** This extension, with one prepared statement for each event. */
export class Payments extends Contender {
  schemas = ["payments", "public"];
  arrived = `select (select count(*) from payments.webhook_events where processing_status = 'processed') as events,
                    (select count(*) from public.orders where status = 'paid') as orders`;

  status = "processed";

  constructor(name, database) {
    super();
    this.name = name;
    this.database = database;
  }

  async makeOrders(client, [first, last]) {
    await client.query("select bench.make_orders($1, $2)", [first, last]);
  }

  async receive(lane, event) {
    const { rows } = await this.connections[lane].query({
      name: "receive",
      text: "select payments.receive_stripe_webhook('test', $1::text, $2) as answer",
      values: [event.payload, event.signature],
    });
    this.check(rows[0].answer);
  }

  /** Throws an answer that is another than what the stream must get. */
  check(answer) {
    if (answer.status !== this.status || answer.duplicate) throw new Error(`${this.name}: ${JSON.stringify(answer)}`);
  }
}

/** The same as payments-bridge passes deliveries on: all waiting ones in one call. */
export class Collected extends Payments {
  waiting = [];

  async open(clients) {
    await super.open(Math.min(clients, BRIDGE_WORKERS));
    this.idle = [...this.connections];
  }

  receive(_lane, event) {
    return new Promise((resolve, reject) => {
      this.waiting.push({ event, resolve, reject });
      queueMicrotask(() => this.#pass());
    });
  }

  async #pass() {
    if (this.waiting.length === 0 || this.idle.length === 0) return;
    const batch = this.waiting.splice(0);
    const connection = this.idle.pop();
    try {
      const { rows } = await connection.query({
        name: "receive_all",
        text: "select payments.receive_stripe_webhooks('test', $1::text[], $2::text[]) as answers",
        values: [batch.map(({ event }) => event.payload), batch.map(({ event }) => event.signature)],
      });
      rows[0].answers.forEach((answer) => this.check(answer));
      batch.forEach(({ resolve }) => resolve());
    } catch (error) {
      batch.forEach(({ reject }) => reject(error));
    }
    this.idle.push(connection);
    this.#pass();
  }
}

/** The same with events that change no row, because there are no orders. */
export class Ignoring extends Payments {
  status = "ignored";
  arrived = "select count(*) as events, 0 as orders from payments.webhook_events where processing_status = 'ignored'";
  makeOrders = undefined;
}

/** The same without sessions, so that no order is paid. stripe-sync-engine can take these events too. */
export class WithoutSessions extends Payments {
  makeOrders = undefined;
  takes = isNoSession;
}

/** The base of the hand-written peers: the tables of tables.sql, each in its own schema. */
class ByHand extends Contender {
  constructor(name, schema) {
    super();
    this.name = name;
    this.schemas = [schema];
    this.arrived = `select (select count(*) from ${schema}.events) as events,
                           (select count(*) from ${schema}.orders where status = 'paid') as orders`;
    this.insertOrders = `insert into ${schema}.orders (id, user_id, amount, currency)
                         select bench.order_id(n), 'u_' || n, 2000, 'usd' from generate_series($1::int, $2) n`;
  }

  async makeOrders(client, [first, last]) {
    await client.query(this.insertOrders, [first, last]);
  }
}

/** The handler in JavaScript. */
export class HandWritten extends ByHand {
  constructor() {
    super("hand-written handler", "hand");
  }

  async receive(lane, event) {
    const isNew = await handle(this.connections[lane], event.payload, event.signature);
    if (!isNew) throw new Error(`${this.name}: ${event.id} is not new`);
  }
}

/** The same logic as a trigger in PL/pgSQL: verify, then one INSERT. */
export class Triggers extends ByHand {
  constructor() {
    super("PL/pgSQL trigger", "by_trigger");
  }

  async receive(lane, { payload, signature }) {
    const event = webhooks.constructEvent(payload, signature, SECRET);
    const stored = await this.connections[lane].query({
      name: "store_event",
      text: `insert into by_trigger.events (id, type, created, payload) values ($1, $2, to_timestamp($3), $4)
             on conflict (id) do nothing`,
      values: [event.id, event.type, event.created, payload],
    });
    if (stored.rowCount !== 1) throw new Error(`${this.name}: ${event.id} is not new`);
  }
}

/** @supabase/stripe-sync-engine, unchanged. It asks Stripe's API for a session's line items, so it gets no sessions. */
export class SyncEngine {
  name = "stripe-sync-engine";
  database = "bench";
  schemas = ["stripe"];
  arrived = "select (select count(*) from stripe.payment_intents) + (select count(*) from stripe.charges) as events, 0 as orders";

  takes = isNoSession;

  /** Runs its own migrations. The logger throws, because it would only log one that failed. */
  static async migrate() {
    const logger = {
      info() {},
      error(error) {
        throw error;
      },
    };
    const { PGUSER, PGHOST } = process.env;
    const databaseUrl = `postgresql://${PGUSER}@${encodeURIComponent(PGHOST)}/bench`;
    await runMigrations({ databaseUrl, schema: "stripe", logger });
  }

  async open(clients) {
    this.sync = new StripeSync({
      stripeSecretKey: "sk_test_unused",
      stripeWebhookSecret: SECRET,
      poolConfig: { database: "bench", max: clients, idleTimeoutMillis: 0 },
    });
    const { pool } = this.sync.postgresClient;
    const opened = [];
    for (let i = 0; i < clients; i += 1) opened.push(await pool.connect());
    this.pids = opened.map((client) => client.processID);
    for (const client of opened) client.release();
  }

  async receive(_lane, event) {
    await this.sync.processWebhook(event.payload, event.signature);
  }

  async close() {
    await this.sync.close();
  }
}

/** The least that any of them must do: insert the event into a copy of webhook_events, without verifying it. */
export class Floor extends Contender {
  name = "floor (bare INSERT)";
  schemas = ["bench"];
  arrived = "select count(*) as events, 0 as orders from bench.floor";

  async receive(lane, event) {
    await this.connections[lane].query({
      name: "floor",
      text: `insert into bench.floor
               (environment, stripe_event_id, event_type, livemode, object_type, object_id, processing_status, payload)
             values ('test', $1, $2, false, $3, $4, 'processed', $5)`,
      values: [event.id, event.type, event.object, event.objectId, event.payload],
    });
  }
}
