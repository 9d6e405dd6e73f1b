// What one mode (test or live) of the account holds, in memory. Nothing crosses from one to the other.

import { randomBytes } from "node:crypto";
import { missing } from "./error.mjs";
import * as make from "./objects.mjs";
import { PINNED_VERSION } from "./packages.mjs";

const ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789";

/** An id as Stripe makes them: a prefix and letters that nobody guesses. */
export function newId(prefix, length = 24) {
  return prefix + Array.from(randomBytes(length), (byte) => ALPHABET[byte % ALPHABET.length]).join("");
}

export class World {
  constructor(livemode) {
    this.livemode = livemode;
    this.account = make.account(livemode ? "acct_1FakeShopLive" : "acct_1FakeShopTest", livemode);
    this.clock = 0; // seconds that /_fake/clock has put it forward
    this.kinds = new Map(); // kind → (id → object), in the order of creation
    this.items = new Map(); // session id → all of its line items
    this.requests = new Map(); // session id → the params it was made with
    this.watchers = [];
    this.lag = [0, 0]; // how many milliseconds later an event is listed
  }
  now() {
    return Math.floor(Date.now() / 1000) + this.clock;
  }
  base(prefix, length) {
    return { id: newId(prefix, length), created: this.now(), livemode: this.livemode };
  }
  all(kind) {
    if (!this.kinds.has(kind)) this.kinds.set(kind, new Map());
    return this.kinds.get(kind);
  }
  get(kind, id, param) {
    return this.all(kind).get(id) ?? missing(kind, id, param);
  }
  put(object) {
    this.all(object.object).set(object.id, object);
    return object;
  }
  /** Changes an object, and tells which attributes differ: those an event names as previous_attributes. */
  change(object, changes) {
    const previous = {};
    for (const [key, value] of Object.entries(changes)) {
      if (JSON.stringify(object[key]) !== JSON.stringify(value)) previous[key] = object[key];
    }
    this.put(Object.assign(object, changes));
    return previous;
  }
  /** Says that something happened: an event with the object as it is now, for the list and the webhook endpoints. */
  tell(type, object, previous) {
    const event = make.event(this.base("evt_1"), type, structuredClone(object), { version: PINNED_VERSION, previous, request: this.cause });
    const [least, most] = this.lag;
    Object.defineProperty(event, "listedAt", { value: Date.now() + least + Math.random() * (most - least) });
    this.put(event);
    for (const watch of this.watchers) watch(event);
    return event;
  }
}
