// The stream of events: intent, charge and session of one payment after another, each with its own ids, as bench.fill makes
// them from the recorded story. They are signed, and indented by two spaces as Stripe posts them.

import { createHmac } from "node:crypto";

export const SECRET = "whsec_bench";
const EVENTS_OF_A_PAYMENT = 3;

/** The signed bodies of payments, made from the story's events. */
export class Stream {
  #templates;
  #next = 1;

  constructor(story) {
    this.#templates = story.map((event) => {
      const { type, data } = JSON.parse(event);
      return { type, object: data.object.object, text: JSON.stringify(JSON.parse(event), null, 2) };
    });
    if (this.#templates.length !== EVENTS_OF_A_PAYMENT) throw new Error("the story has not three events");
  }

  /** The stream of the story that `bench/database.sh` has copied into the database. */
  static async of(client) {
    const { rows } = await client.query("select event from bench.stories where story = '01-onetime-pi-first' order by number");
    return new Stream(rows.map((row) => row.event));
  }

  /** Takes the next `payments` payments. Returns the numbers of the first and the last: [first, last]. */
  take(payments) {
    const first = this.#next;
    this.#next += payments;
    return [first, this.#next - 1];
  }

  /** All events of these payments. */
  payments([first, last]) {
    return signed(range(first, last).flatMap((n) => this.#templates.map((template) => instance(template, n))));
  }

  /** One event for each payment, payment_intent.created. Stripe sends it for every payment, and it changes no row. */
  unhandled([first, last]) {
    const { object, text } = this.#templates.find((template) => template.object === "payment_intent");
    const type = "payment_intent.created";
    const template = { type, object, text: text.replace('"payment_intent.succeeded"', `"${type}"`) };
    return signed(range(first, last).map((n) => instance(template, n)));
  }
}

function range(first, last) {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function instance({ type, object, text }, n) {
  const hex = n.toString(16).padStart(8, "0");
  const payload = text
    .replaceAll('"u_1001"', `"u_${n}"`)
    .replaceAll(/"((?:evt|pi|ch|py|cs|cus|in|sub|si|il|re|dp|prod|price|inpay)_[A-Za-z0-9_]+)"/g, `"$1${n}"`)
    .replaceAll(/"[0-9a-f]{8}-[0-9a-f]{4}-4/g, `"${hex}-0000-4`);
  const { id, data } = JSON.parse(payload);
  return { id, type, object, objectId: data.object.id, payload };
}

// Signatures expire, so they are made just before the turn that sends them.
function signed(events) {
  const time = Math.floor(Date.now() / 1000);
  for (const event of events) {
    const digest = createHmac("sha256", SECRET).update(`${time}.${event.payload}`).digest("hex");
    event.signature = `t=${time},v1=${digest}`;
  }
  return events;
}
