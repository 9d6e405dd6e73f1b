// /_fake/…: the JSON commands and queries with which a test controls the stand-in. POST runs a command, GET a query.

import { expireCheckoutSession } from "./checkout.mjs";
import * as make from "./objects.mjs";
import { decline, disputeCharge, pay, refundCharge, renew, settleDelayed } from "./pay.mjs";
import { cancelSubscription } from "./subscriptions.mjs";
import { typescript } from "./typescript.mjs";

/** Creates a catalog with the given ids: {products: [{id, name, prices: [{id, unit_amount, …}]}]}. */
function catalog({ world }, { products }) {
  for (const { prices = [], ...product } of products) {
    const base = { id: product.id, created: world.now(), livemode: world.livemode };
    world.emit("product.created", world.put(make.product(base, { ...product, default_price: prices[0]?.id ?? null })));
    for (const price of prices) {
      world.emit("price.created", world.put(make.price({ ...base, id: price.id }, { currency: "usd", ...price, product: product.id })));
    }
  }
  return { products: world.all("product").size, prices: world.all("price").size };
}

const session = (world, { id }) => world.get("checkout.session", id);
const chargeOf = (world, { charge, payment_intent: intent }) => world.get("charge", charge ?? world.get("payment_intent", intent).latest_charge);

const COMMANDS = {
  catalog,
  pay: ({ world }, body) => pay(world, session(world, body), body), // {id, email, delayed}
  settle: ({ world }, body) => settleDelayed(world, session(world, body), body.succeeds), // the end of a delayed payment: {id, succeeds}
  decline: ({ world }, body) => decline(world, session(world, body), body), // {id}
  expire: ({ world }, body) => expireCheckoutSession(world, session(world, body)), // {id}
  renew: ({ world }, { id }) => renew(world, world.get("subscription", id)),
  cancel: ({ world }, { id }) => cancelSubscription(world, world.get("subscription", id)),
  refund: ({ world }, body) => refundCharge(world, chargeOf(world, body), body), // {charge or payment_intent, amount}
  dispute: ({ world }, body) => disputeCharge(world, chargeOf(world, body), body.status), // the first call opens a dispute, the second closes it: {charge or payment_intent, status}
  deactivate: ({ world }, { price }) => {
    const previous = world.change(world.get("price", price), { active: false });
    return world.emit("price.updated", world.get("price", price), previous);
  },
  event: ({ world }, { type, object }) => world.emit(type, object), // sends any event
  account: ({ world }, changes) => Object.assign(world.account, changes), // changes attributes of the account; a new id simulates another account
  clock: ({ world }, { seconds }) => ({ now: (world.clock += seconds) && world.now() }),
  lag: ({ world }, { milliseconds }) => ({ lag: (world.lag = milliseconds) }), // the delay until an event is listed: [least, most]
  // [{method, path, times, delay, status, executed, headers, error, garbage, drop: "before" | "after"}]; the first match applies
  faults: ({ api }, faults) => ({ faults: (api.faults = faults) }),
  forget_keys: ({ api }) => ({ forgotten: api.answers.size, done: api.answers.clear() ?? true }), // as Stripe does after a day
  refuse_key: ({ api }, { key }) => ({ refused: api.refusedKeys.add(key).size }),
  // {delay: [least, most], repeat, shuffle, hold, lose, retry_after, attempts}
  webhooks: ({ webhooks }, knobs) => Object.assign(webhooks.knobs, knobs),
  release: ({ webhooks }) => ({ released: webhooks.release() }), // delivers the held events
};

const QUESTIONS = {
  requests: ({ api }) => api.log,
  deliveries: ({ webhooks }) => webhooks.log,
  waiting: ({ webhooks }) => ({ waiting: webhooks.waiting, held: webhooks.held.length }),
  events: ({ world }) => [...world.all("event").values()],
  sessions: ({ world }) => [...world.all("checkout.session").values()],
  typescript: ({ api, worlds }) => typescript(api.log, worlds),
};

/** Handles /_fake/NAME?mode=test or ?mode=live. */
export function control({ worlds, api, webhooks }, method, path, query, body) {
  const name = path.slice("/_fake/".length);
  const mode = new URLSearchParams(query).get("mode") ?? "test";
  const act = (method === "POST" ? COMMANDS : QUESTIONS)[name];
  if (!act || !(mode in worlds)) return { status: 404, headers: {}, body: { error: { message: `no such control: ${method} ${path}` } } };
  return { status: 200, headers: {}, body: act({ worlds, world: worlds[mode], api, webhooks }, method === "POST" ? JSON.parse(body || "{}") : {}) };
}
