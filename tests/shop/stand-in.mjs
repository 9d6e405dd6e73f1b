// Tests with Stripe's own client library that the stand-in behaves like Stripe: stand-in.mjs prints one line per case.

import assert from "node:assert";
import { createServer } from "node:http";
import { PINNED_VERSION, require, webhookSignatures } from "../../examples/shop/fake-stripe/packages.mjs";
import { checkTypes } from "../../examples/shop/check-types.mjs";
import { fakeStripe, until } from "./programs.mjs";

const stripePackage = require("stripe");
const Stripe = stripePackage.default ?? stripePackage;
const fake = await fakeStripe();
const { hostname: host, port } = new URL(fake.url);
const clientFor = (key, more = {}) => new Stripe(key, { host, port: Number(port), protocol: "http", maxNetworkRetries: 0, telemetry: false, ...more });
const stripe = clientFor("sk_test_of_the_tests");

await fake.post("catalog", {
  products: [
    { id: "prod_book", name: "A book", prices: [{ id: "price_book", unit_amount: 4900 }] },
    { id: "prod_plan", name: "A plan", prices: [{ id: "price_plan", unit_amount: 1500, recurring: { interval: "month" } }] },
  ],
});
const BOOK = { mode: "payment", line_items: [{ price: "price_book", quantity: 2 }], success_url: "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}" };
const PLAN = { ...BOOK, mode: "subscription", line_items: [{ price: "price_plan", quantity: 1 }] };

async function refused(promise, expected) {
  await assert.rejects(promise, (error) => {
    for (const [name, value] of Object.entries(expected)) assert.equal(error[name], value, `${name}: ${error.message}`);
    return true;
  });
}

/** Sends a request that the library would not send. */
async function raw(path, { method = "POST", headers = {}, body } = {}) {
  const answer = await fetch(fake.url + path, {
    method, body, headers: { authorization: "Bearer sk_test_raw", "stripe-version": PINNED_VERSION, "content-type": "application/x-www-form-urlencoded", ...headers },
  });
  return { status: answer.status, headers: answer.headers, body: await answer.json() };
}

async function eventsOf(types) {
  const { data } = await stripe.events.list({ types, limit: 100 });
  return data.reverse();
}

const cases = {
  async "a session is created, paid on its page, and sends events"() {
    const session = await stripe.checkout.sessions.create({ ...BOOK, customer_creation: "always", metadata: { order_id: "7" }, payment_intent_data: { metadata: { order_id: "7" } } });
    assert.equal(session.status, "open");
    assert.equal(session.amount_total, 9800);
    const page = await (await fetch(session.url)).text();
    assert.match(page, /Pay 98\.00 USD/);
    const paid = await fetch(session.url, { method: "POST", body: new URLSearchParams({ action: "pay" }), redirect: "manual" });
    assert.equal(paid.headers.get("location"), `https://shop.example/thanks?session=${session.id}`);
    await paid.text();
    const now = await stripe.checkout.sessions.retrieve(session.id);
    assert.deepEqual([now.status, now.payment_status, now.url], ["complete", "paid", null]);
    const intent = await stripe.paymentIntents.retrieve(now.payment_intent);
    assert.deepEqual([intent.status, intent.amount_received, intent.metadata.order_id], ["succeeded", 9800, "7"]);
    const items = await stripe.checkout.sessions.listLineItems(session.id);
    assert.deepEqual(items.data.map((item) => [item.price.id, item.quantity]), [["price_book", 2]]);
    const sent = await eventsOf(["checkout.session.completed", "payment_intent.succeeded", "charge.succeeded"]);
    assert.deepEqual(sent.map((event) => event.type), ["charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"]);
  },
  async "a declined card leaves the session open, and another card can pay"() {
    const session = await stripe.checkout.sessions.create(BOOK);
    const page = await (await fetch(session.url, { method: "POST", body: new URLSearchParams({ action: "decline" }) })).text();
    assert.match(page, /Your card was declined/);
    assert.equal((await stripe.checkout.sessions.retrieve(session.id)).status, "open");
    assert.equal((await eventsOf(["payment_intent.payment_failed"])).length, 1);
    assert.equal((await fake.post("pay", { id: session.id })).payment_status, "paid");
    await assert.rejects(fake.post("pay", { id: session.id }), /complete/);
  },
  async "a subscription is started, renewed, changed, canceled, resumed and ended"() {
    const session = await fake.post("pay", { id: (await stripe.checkout.sessions.create({ ...PLAN, subscription_data: { metadata: { a: "b" } } })).id });
    let plan = await stripe.subscriptions.retrieve(session.subscription);
    assert.deepEqual([plan.status, plan.metadata.a, plan.latest_invoice], ["active", "b", session.invoice]);
    await fake.post("renew", { id: plan.id });
    const invoices = await stripe.invoices.list({ subscription: plan.id });
    assert.deepEqual(invoices.data.map((one) => [one.billing_reason, one.amount_paid]), [["subscription_cycle", 1500], ["subscription_create", 1500]]);
    const lines = await stripe.invoices.listLineItems(invoices.data[0].id);
    assert.equal(lines.data[0].period.end, (await stripe.subscriptions.retrieve(plan.id)).items.data[0].current_period_end);
    plan = await stripe.subscriptions.update(plan.id, { items: [{ id: plan.items.data[0].id, quantity: 3 }], proration_behavior: "none" });
    assert.equal(plan.items.data[0].quantity, 3);
    assert.equal((await stripe.subscriptions.update(plan.id, { cancel_at_period_end: true })).cancel_at_period_end, true);
    assert.equal((await stripe.subscriptions.update(plan.id, { cancel_at_period_end: false })).cancel_at, null);
    assert.equal((await stripe.subscriptions.cancel(plan.id)).status, "canceled");
    assert.deepEqual((await stripe.subscriptions.list({})).data.map((one) => one.id).includes(plan.id), false);
    assert.equal((await stripe.subscriptions.list({ status: "all" })).data.some((one) => one.id === plan.id), true);
  },
  async "a trial starts without a payment"() {
    const trial = await fake.post("pay", { id: (await stripe.checkout.sessions.create({ ...PLAN, subscription_data: { trial_period_days: 7 } })).id });
    assert.equal(trial.payment_status, "no_payment_required");
    assert.equal((await stripe.subscriptions.retrieve(trial.subscription)).status, "trialing");
  },
  async "a delayed payment succeeds or fails later"() {
    for (const [succeeds, type] of [[true, "checkout.session.async_payment_succeeded"], [false, "checkout.session.async_payment_failed"]]) {
      const session = await fake.post("pay", { id: (await stripe.checkout.sessions.create(BOOK)).id, delayed: true });
      assert.equal(session.payment_status, "unpaid");
      await fake.post("settle", { id: session.id, succeeds });
      assert.equal((await eventsOf([type])).length, 1);
    }
  },
  async "charges are refunded and disputed"() {
    const session = await fake.post("pay", { id: (await stripe.checkout.sessions.create(BOOK)).id });
    await stripe.refunds.create({ payment_intent: session.payment_intent, amount: 900 });
    await refused(stripe.refunds.create({ payment_intent: session.payment_intent, amount: 9000 }), { statusCode: 400, param: "amount" });
    const { data: [charge] } = await stripe.charges.list({ payment_intent: session.payment_intent });
    assert.equal(charge.amount_refunded, 900);
    await fake.post("dispute", { charge: charge.id });
    assert.equal((await fake.post("dispute", { charge: charge.id, status: "lost" })).status, "lost");
    assert.equal((await stripe.disputes.list({ charge: charge.id })).data.length, 1);
  },
  async "the portal shows the plan, and cancels it"() {
    const session = await fake.post("pay", { id: (await stripe.checkout.sessions.create(PLAN)).id });
    const portal = await stripe.billingPortal.sessions.create({ customer: session.customer, return_url: "https://shop.example/account" });
    assert.match(await (await fetch(portal.url)).text(), /A plan: active/);
    await (await fetch(portal.url, { method: "POST", body: new URLSearchParams({ action: "cancel", subscription: session.subscription }) })).text();
    assert.match(await (await fetch(portal.url)).text(), /A plan: active, ends on/);
    await refused(stripe.billingPortal.sessions.create({ customer: "cus_of_nobody" }), { statusCode: 400, code: "resource_missing", param: "customer" });
  },
  async "invalid parameters are refused, with the name of the parameter"() {
    const wrong = [
      [{ ...BOOK, color: "blue" }, "color"], [{ ...BOOK, mode: "pay" }, "mode"], [{ ...BOOK, line_items: [{ price: "price_book", quantity: "two" }] }, "line_items[0][quantity]"],
      [{ ...BOOK, line_items: [{ price: "price_of_nobody", quantity: 1 }] }, "line_items[0][price]"], [{ ...BOOK, line_items: [{ price: "price_plan", quantity: 1 }] }, "mode"],
      [{ ...PLAN, line_items: BOOK.line_items }, "mode"], [{ ...BOOK, subscription_data: { description: "x" } }, "subscription_data"],
      [{ ...PLAN, payment_intent_data: { description: "x" } }, "payment_intent_data"], [{ ...PLAN, submit_type: "pay" }, "submit_type"],
      [{ ...BOOK, ui_mode: "hosted" }, "ui_mode"], [{ ...BOOK, ui_mode: "embedded_page" }, "success_url"], [{ ...BOOK, return_url: "https://x.example" }, "return_url"],
      [{ ...BOOK, success_url: "thanks.html" }, "success_url"], [{ ...BOOK, success_url: undefined }, "success_url"], [{ ...BOOK, payment_method_types: ["card"] }, "payment_method_types"],
      [{ ...BOOK, customer_update: { name: "auto" } }, "customer_update"], [{ ...BOOK, allow_promotion_codes: true, discounts: [{ coupon: "x" }] }, "allow_promotion_codes"],
      [{ ...BOOK, locale: "tlh" }, "locale"], [{ ...BOOK, metadata: { x: "y".repeat(501) } }, "metadata[x]"], [{ ...BOOK, expires_at: Math.floor(Date.now() / 1000) + 60 }, "expires_at"],
      [{ ...BOOK, automatic_tax: { enabled: "yes" } }, "automatic_tax[enabled]"], [{ ...BOOK, line_items: [] }, "line_items"], [{ ...BOOK, customer_email: "ada" }, "customer_email"],
      [{ ...BOOK, currency: "eur" }, "line_items[0][price]"], [{ ...PLAN, subscription_data: { trial_period_days: 0 } }, "subscription_data[trial_period_days]"],
    ];
    for (const [params, param] of wrong) {
      await refused(stripe.checkout.sessions.create(params), { type: "StripeInvalidRequestError", statusCode: 400, param });
    }
    await refused(stripe.checkout.sessions.retrieve("cs_test_of_nobody"), { statusCode: 404, code: "resource_missing" });
  },
  async "an embedded session has a client secret and no url"() {
    const { success_url: return_url, ...more } = BOOK;
    const session = await stripe.checkout.sessions.create({ ...more, ui_mode: "embedded_page", return_url });
    assert.equal(session.url, null);
    assert.match(session.client_secret, /^cs_test_.*_secret_/);
    const older = await raw("/v1/checkout/sessions", {
      headers: { "stripe-version": "2025-06-30.basil" },
      body: "mode=payment&line_items[0][price]=price_book&line_items[0][quantity]=1&ui_mode=embedded&return_url=https://shop.example",
    });
    assert.equal(older.body.ui_mode, "embedded");
  },
  async "a request needs a key, a version and a known path"() {
    assert.equal((await raw("/v1/products", { method: "GET", headers: { authorization: "" } })).status, 401);
    assert.equal((await raw("/v1/products", { method: "GET", headers: { authorization: "Bearer pk_test_1" } })).status, 401);
    assert.equal((await raw("/v1/checkout/sessions", { headers: { "stripe-version": "" } })).status, 400);
    assert.equal((await raw("/v1/products", { method: "GET", headers: { "stripe-version": "soon" } })).status, 400);
    assert.equal((await raw("/v1/unicorns", { method: "GET" })).status, 404);
    assert.equal((await raw("/v1/products", { method: "GET" })).headers.get("stripe-version"), PINNED_VERSION);
    assert.equal((await clientFor("rk_live_1").products.list()).data.length, 0, "live has its own catalog");
    assert.notEqual((await clientFor("rk_live_1").accounts.retrieveCurrent()).id, (await stripe.accounts.retrieveCurrent()).id);
  },
  async "an idempotency key repeats the response, and refuses other parameters"() {
    const [one, again] = [await stripe.checkout.sessions.create(BOOK, { idempotencyKey: "k1" }), await stripe.checkout.sessions.create(BOOK, { idempotencyKey: "k1" })];
    assert.equal(one.id, again.id);
    assert.equal(again.lastResponse.headers["idempotent-replayed"], "true");
    await refused(stripe.checkout.sessions.create(PLAN, { idempotencyKey: "k1" }), { type: "StripeIdempotencyError", statusCode: 400 });
    await refused(stripe.checkout.sessions.create({ ...BOOK, mode: "pay" }, { idempotencyKey: "k2" }), { param: "mode" });
    assert.equal((await stripe.checkout.sessions.create(BOOK, { idempotencyKey: "k2" })).status, "open", "a refusal is not stored");
  },
  async "faults are simulated, and an executed request repeats its response"() {
    const ask = (key) => stripe.checkout.sessions.create(BOOK, { idempotencyKey: key });
    const faulty = async (key, fault) => {
      await fake.post("faults", [fault]);
      return ask(key);
    };
    await refused(faulty("f0", { status: 429, headers: { "retry-after": "1", "stripe-should-retry": "true" } }), { type: "StripeRateLimitError" });
    await refused(faulty("f1", { status: 500, executed: true }), { type: "StripeAPIError", statusCode: 500 });
    // The library retries by itself if a kept-alive connection breaks.
    await refused(faulty("f2", { drop: "after", times: 9 }), { type: "StripeConnectionError" });
    await refused(faulty("f3", { drop: "before", times: 9 }), { type: "StripeConnectionError" });
    await assert.rejects(faulty("f4", { garbage: true }));
    await fake.post("faults", []);
    await refused(ask("f1"), { statusCode: 500 });
    assert.equal((await ask("f2")).lastResponse.headers["idempotent-replayed"], "true", "the request was executed");
    assert.equal((await ask("f3")).lastResponse.headers["idempotent-replayed"], undefined, "the request was not executed");
  },
  async "lists are paginated in both directions"() {
    for (let number = 0; number < 7; number += 1) await stripe.customers.create({ email: `c${number}@example.com` });
    const first = await stripe.customers.list({ limit: 3 });
    assert.deepEqual([first.data.length, first.has_more], [3, true]);
    assert.equal(first.data[0].email, "c6@example.com");
    const second = await stripe.customers.list({ limit: 3, starting_after: first.data[2].id });
    assert.equal(second.data[0].email, "c3@example.com");
    const back = await stripe.customers.list({ limit: 2, ending_before: second.data[0].id });
    assert.deepEqual([back.data.map((one) => one.email), back.has_more], [["c5@example.com", "c4@example.com"], true]);
    let all = 0;
    for await (const one of stripe.customers.list({ limit: 2 })) all += one ? 1 : 0;
    assert.ok(all >= 7);
    await refused(stripe.customers.list({ limit: 101 }), { statusCode: 400 });
    await refused(stripe.customers.list({ starting_after: "cus_of_nobody" }), { code: "resource_missing" });
  },
  async "events have a cursor, at most 20 types per request, and are kept for 30 days"() {
    await refused(stripe.events.list({ types: Array.from({ length: 21 }, (_, number) => `a.${number}`) }), { param: "types" });
    const { data } = await stripe.events.list({ limit: 2, types: ["customer.created"] });
    assert.equal(data[0].api_version, PINNED_VERSION);
    assert.equal((await stripe.events.list({ ending_before: data[1].id, types: ["customer.created"] })).data[0].id, data[0].id);
    await fake.post("clock", { seconds: 31 * 86400 });
    assert.equal((await stripe.events.list({})).data.length, 0);
    await refused(stripe.events.list({ ending_before: data[1].id }), { code: "resource_missing" });
    await fake.post("clock", { seconds: -31 * 86400 });
  },
  async "webhooks are signed, shuffled, repeated, and retried after a failure"() {
    const got = [];
    let failing = 1;
    const secret = {};
    const receiver = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      const event = webhookSignatures.constructEvent(body, request.headers["stripe-signature"], secret.value);
      if (failing-- > 0) return response.writeHead(500).end();
      got.push(event);
      return response.end();
    }).listen(0, "127.0.0.1");
    await new Promise((done) => receiver.once("listening", done));
    const endpoint = await stripe.webhookEndpoints.create({
      url: `http://127.0.0.1:${receiver.address().port}/`, enabled_events: ["checkout.session.completed", "charge.succeeded"], api_version: PINNED_VERSION,
    });
    secret.value = endpoint.secret;
    assert.equal((await stripe.webhookEndpoints.list()).data[0].secret, undefined, "only the creation returns the secret");
    await fake.post("webhooks", { repeat: 3, shuffle: true, delay: [1, 50] });
    await fake.post("pay", { id: (await stripe.checkout.sessions.create(BOOK)).id });
    await until(() => got.length === 6);
    assert.equal(new Set(got.map((event) => event.id)).size, 2);
    await fake.post("webhooks", { repeat: 1, shuffle: false, hold: true, delay: [0, 0] });
    await fake.post("pay", { id: (await stripe.checkout.sessions.create(BOOK)).id });
    assert.equal((await fake.get("waiting")).held, 2);
    assert.equal((await fake.post("release")).released, 2);
    await until(() => got.length === 8);
    await stripe.webhookEndpoints.update(endpoint.id, { disabled: true });
    await stripe.webhookEndpoints.del(endpoint.id);
    receiver.closeAllConnections();
    receiver.close();
  },
  async "all requests and objects have stripe-node's types"() {
    const { requests, objects, source } = await fake.get("typescript");
    assert.ok(requests > 60 && objects > 60, `${requests} requests, ${objects} objects`);
    const wrong = await checkTypes(source);
    assert.equal(wrong.length, 0, wrong.join("\n"));
  },
  async "the compiler finds a wrong literal, an unknown name and a wrong type"() {
    const seen = async (params) => (await checkTypes(`import type { Stripe } from "stripe";\nexport const x: Stripe.Checkout.SessionCreateParams = ${JSON.stringify(params)};`)).length;
    assert.equal(await seen({ mode: "payment" }), 0);
    assert.equal(await seen({ mode: "pay" }), 1);
    assert.equal(await seen({ modus: "payment" }), 1);
    assert.equal(await seen({ expires_at: "soon" }), 1);
  },
};

let failed = 0;
for (const [name, test] of Object.entries(cases)) {
  try {
    await test();
    console.log(`ok     stand-in: ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED stand-in: ${name}\n       ${error.stack}`);
  }
}
fake.stop();
process.exit(failed ? 1 : 0);
