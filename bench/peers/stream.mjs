// The stream of events: intent, charge and session of one payment after another, each with ids of its own, as bench.fill makes
// them of the recorded story; as Stripe posts them, which is indented by two spaces; and signed.

import { createHmac } from "node:crypto";

export const SECRET = "whsec_bench";
const EVENTS_OF_A_PAYMENT = 3;

/** Signed bodies of the payments from `first` on, made from the story's events. */
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

  /** The story that `bench/database.sh` has put into the database. */
  static async of(client) {
    const { rows } = await client.query("select event from bench.stories where story = '01-onetime-pi-first' order by number");
    return new Stream(rows.map((row) => row.event));
  }

  /** The next `payments` payments that no one has seen: [first, last]. */
  take(payments) {
    const first = this.#next;
    this.#next += payments;
    return [first, this.#next - 1];
  }

  /** Every event of these payments. */
  payments([first, last]) {
    return signed(range(first, last).flatMap((n) => this.#templates.map((template) => instance(template, n))));
  }

  /** One event for each: the intent was made, which Stripe tells of every payment and which changes no row. */
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

// Signatures grow old, so they are made just before the turn that sends them.
function signed(events) {
  const time = Math.floor(Date.now() / 1000);
  for (const event of events) {
    const digest = createHmac("sha256", SECRET).update(`${time}.${event.payload}`).digest("hex");
    event.signature = `t=${time},v1=${digest}`;
  }
  return events;
}
