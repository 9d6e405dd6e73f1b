// Tests the shop in a real browser: buyer.mjs DATABASE prints one line per case. It runs the whole shop: the database,
// payments-bridge, the stand-ins for Stripe and PostgREST, and chromium.

import assert from "node:assert";
import { buy, goToPay, openBrowser, payAndReturn, visit, waitForText } from "../../examples/shop/browser.mjs";
import { checkTypes } from "../../examples/shop/check-types.mjs";
import { require } from "../../examples/shop/fake-stripe/packages.mjs";
import { startShop } from "../../examples/shop/shop.mjs";
import { controls, until } from "./programs.mjs";

const { Client } = require("pg");
const [database] = process.argv.slice(2);
const { shop, stripe } = await startShop(database);
const fake = controls({ url: stripe });
const admin = new Client({ host: process.env.PGHOST, port: Number(process.env.PGPORT), user: "postgres", database });
await admin.connect();
const browser = await openBrowser();
const ask = async (sql, ...values) => (await admin.query({ text: sql, values, rowMode: "array" })).rows;
const one = async (sql, ...values) => (await ask(sql, ...values))[0]?.[0];

const newest = () => one("select id::text from orders order by created_at desc limit 1");
const status = (order) => one("select status from orders where id = $1::uuid", order);
const balance = (user) => one("select coalesce(sum(delta), 0)::int from credit_ledger where subject_id = $1", user);
const settled = () => until(async () => Object.values(await fake.get("waiting")).every((count) => count === 0));
const CALM = { delay: [0, 0], repeat: 1, shuffle: false, hold: false, lose: 0 };
/** Returns the response to a direct REST request of a user. */
const rest = async (path, who) => (await fetch(`${shop}/rest/${path}`, { headers: { authorization: `Bearer ${who}`, ...(path.startsWith("checkout") && { "accept-profile": "payments" }) } })).json();

const cases = {
  async "a visitor sees what is for sale, and must sign in to buy"() {
    const page = await visit(browser, shop);
    assert.equal(await page.locator("#items li").count(), 5);
    await page.click("button[data-price=price_book]");
    await waitForText(page, "#message", "Sign in first");
    await page.close();
  },
  async "a declined card leaves an order pending, and another card pays it"() {
    const page = await visit(browser, shop, "ada");
    const session = await goToPay(page, "price_book");
    await page.click("button[value=decline]");
    await waitForText(page, "#declined", "Your card was declined");
    await settled();
    const order = await newest();
    assert.equal(await status(order), "pending");
    assert.equal(await one("select status from payments.checkout_sessions where stripe_checkout_session_id = $1", session), "open");
    await payAndReturn(page);
    await waitForText(page, "#orders", "paid");
    assert.equal(await status(order), "paid");
    await page.close();
  },
  async "an order stays pending until Stripe's event arrives"() {
    await fake.post("webhooks", { hold: true });
    const page = await visit(browser, shop, "ada");
    await buy(page, "price_book");
    const order = await newest();
    assert.equal(await status(order), "pending");
    assert.match(await page.textContent("#orders li:first-child"), /pending/);
    await fake.post("webhooks", { hold: false });
    await fake.post("release");
    await waitForText(page, "#orders li:first-child", "paid");
    assert.equal(await status(order), "paid");
    await page.close();
  },
  async "opening the success page by hand pays nothing"() {
    const page = await visit(browser, shop, "ada");
    await goToPay(page, "price_book");
    const order = await newest();
    await page.goto(`${shop}/#thanks/${order}`);
    await waitForText(page, "#message", "Nothing was paid yet");
    assert.equal(await status(order), "pending");
    await page.close();
  },
  async "closing the tab after paying still pays"() {
    const page = await visit(browser, shop, "ada");
    await goToPay(page, "price_book");
    const order = await newest();
    // The shop's page is blocked, so the buyer never returns.
    await page.route(`${shop}/**`, (route) => route.abort());
    await page.click("button[value=pay]").catch(() => {});
    await page.close();
    await until(async () => (await status(order)) === "paid");
  },
  async "shuffled, repeated and delayed events give the credits once"() {
    await fake.post("webhooks", { shuffle: true, repeat: 3, delay: [0, 300] });
    const page = await visit(browser, shop, "ada");
    await buy(page, "price_pack");
    await waitForText(page, "#credits", "500");
    await settled();
    assert.equal(await balance("ada"), 500);
    await fake.post("webhooks", CALM);
    await page.close();
  },
  async "credits can be spent, but not below zero"() {
    const page = await visit(browser, shop, "ada");
    await page.click("#spend");
    await waitForText(page, "#message", "480 credits are left");
    assert.equal(await balance("ada"), 480);
    await page.close();
    const poor = await visit(browser, shop, "bob");
    await poor.click("#spend");
    await poor.waitForSelector("#message.wrong");
    assert.equal(await balance("bob"), 0);
    await poor.close();
  },
  async "only a buyer can read the course"() {
    const page = await visit(browser, shop, "ada");
    assert.equal(await page.locator(".lesson").count(), 0);
    await buy(page, "price_course");
    await page.waitForSelector(".lesson");
    const other = await visit(browser, shop, "bob");
    await waitForText(other, "#lessons", "for who bought it");
    assert.deepEqual(await rest("lessons", "bob"), []);
    await Promise.all([page.close(), other.close()]);
  },
  async "a user sees no rows of another user"() {
    const page = await visit(browser, shop, "bob");
    await waitForText(page, "#orders", "none yet");
    assert.equal(await page.textContent("#credits"), "0");
    for (const path of ["orders", "credit_ledger", "user_entitlements", "checkout_sessions"]) {
      assert.deepEqual(await rest(path, "bob"), [], path);
      assert.notDeepEqual(await rest(path, "ada"), [], `${path}: the owner must see rows`);
    }
    await page.close();
  },
  async "Bob cannot open a session for Ada or for the team"() {
    for (const [subject_type, subject_id] of [["user", "ada"], ["team", "acme"]]) {
      const answer = await fetch(`${shop}/rest/rpc/create_checkout_session`, {
        method: "POST", headers: { authorization: "Bearer bob", "content-profile": "payments", "content-type": "application/json" },
        body: JSON.stringify({ environment: "test", mode: "payment", line_items: [{ price: "price_pack" }], success_url: shop, cancel_url: shop, subject_type, subject_id }),
      });
      assert.equal(answer.status, 403);
      assert.equal((await answer.json()).code, "42501");
    }
  },
  async "a plan gives its credits each month, and is canceled in the portal"() {
    const page = await visit(browser, shop, "bob");
    const session = await buy(page, "price_plan");
    await waitForText(page, "#credits", "100");
    const { subscription } = (await fake.get("sessions")).find((each) => each.id === session);
    await fake.post("renew", { id: subscription });
    await until(async () => (await one("select count(*)::int from credit_ledger where subject_id = 'bob' and delta = 100")) === 2);
    await page.click("#portal");
    await page.waitForURL(/\/p\/session\//);
    await page.click("button[value=cancel]");
    await page.waitForSelector("button[value=resume]");
    await until(() => one("select cancel_at_period_end from payments.subscriptions where stripe_subscription_id = $1", subscription));
    await page.click("#back");
    await page.waitForURL(/#back$/);
    await page.close();
  },
  async "the owner buys the team's plan, and the members use it"() {
    const member = await visit(browser, shop, "bob");
    await waitForText(member, "#reports", "for teams with a plan");
    const page = await visit(browser, shop, "ada");
    await buy(page, "price_team");
    await waitForText(page, "#reports", "Acme");
    await waitForText(member, "#reports", "Acme");
    assert.equal(await member.locator(".report").count(), 1, "only the report of their own team");
    assert.equal(await one("select status from team_billing_status where team_id = 'acme'"), "active");
    await Promise.all([page.close(), member.close()]);
  },
  async "the review list is empty, and the projection is correct"() {
    await settled();
    assert.deepEqual(await ask("select kind, reason from payments.review"), []);
    assert.equal(await one("select count(*)::int from payments.verify_projections('test')"), 0);
  },
  async "every request has valid types, and every request got status 200"() {
    const { requests, source } = await fake.get("typescript");
    const wrong = await checkTypes(source);
    assert.equal(wrong.length, 0, wrong.join("\n"));
    assert.ok(requests >= 8, `${requests} requests`);
    assert.deepEqual((await fake.get("requests")).filter((each) => each.status !== 200), []);
  },
};

let failed = 0;
for (const [name, test] of Object.entries(cases)) {
  try {
    await test();
    console.log(`ok     buyer: ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED buyer: ${name}\n       ${error.stack}`);
    await fake.post("webhooks", CALM).then(() => fake.post("release")).catch(() => {});
  }
}
await browser.end();
await admin.end();
process.exit(failed ? 1 : 0);
