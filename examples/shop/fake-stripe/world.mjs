// The objects of one mode, test or live, in memory. The two modes share nothing.

import { randomBytes } from "node:crypto";
import { missing } from "./error.mjs";
import * as make from "./objects.mjs";
import { PINNED_VERSION } from "./packages.mjs";

const ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789";

/** Returns a new id in Stripe's form: a prefix and random characters. */
export function newId(prefix, length = 24) {
  return prefix + Array.from(randomBytes(length), (byte) => ALPHABET[byte % ALPHABET.length]).join("");
}

export class World {
  constructor(livemode) {
    this.livemode = livemode;
    this.account = make.account(livemode ? "acct_1FakeShopLive" : "acct_1FakeShopTest", livemode);
    this.clock = 0; // seconds by which /_fake/clock has advanced the time
    this.kinds = new Map(); // kind → (id → object), in the order of creation
    this.items = new Map(); // session id → all of its line items
    this.requests = new Map(); // session id → the params of the request that created it
    this.watchers = [];
    this.lag = [0, 0]; // the delay until an event is listed, in milliseconds: [least, most]
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
  /** Changes an object. Returns the old values of the changed attributes, for an event's previous_attributes. */
  change(object, changes) {
    const previous = {};
    for (const [key, value] of Object.entries(changes)) {
      if (JSON.stringify(object[key]) !== JSON.stringify(value)) previous[key] = object[key];
    }
    this.put(Object.assign(object, changes));
    return previous;
  }
  /** Creates an event with a copy of the object, adds it to the list of events, and sends it to the webhook endpoints. */
  emit(type, object, previous) {
    const event = make.event(this.base("evt_1"), type, structuredClone(object), { version: PINNED_VERSION, previous, request: this.cause });
    const [least, most] = this.lag;
    Object.defineProperty(event, "listedAt", { value: Date.now() + least + Math.random() * (most - least) });
    this.put(event);
    for (const watch of this.watchers) watch(event);
    return event;
  }
}
