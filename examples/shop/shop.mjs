// Starts the whole shop: the stand-in for Stripe with a catalog, payments-bridge, and the page. The database must have
// examples/shop/shop.sql. shop.mjs DATABASE prints all URLs, and runs until it is stopped.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const bridge = process.env.PAYMENTS_BRIDGE ?? here("../../target/debug/payments-bridge");

/** Starts a program, which is stopped when this process exits. */
function program(command, args, env = {}, stdio = ["ignore", "pipe", "inherit"]) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio });
  process.on("exit", () => child.kill());
  return child;
}

/** Returns the URL that a program prints as its first line, in JSON. */
async function urlOf(child) {
  const line = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`${child.spawnfile} ended with ${code}`)));
  });
  return JSON.parse(line).url;
}

async function finished(child) {
  const code = await new Promise((resolve) => child.once("exit", resolve));
  if (code !== 0) throw new Error(`${child.spawnargs.join(" ")} ended with ${code}`);
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

async function until(condition, problem) {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await condition().catch(() => false)) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`${problem} after 20 seconds`);
}

/** Whether a request succeeded. Reads the whole response, because a connection with an unread one can keep the next request waiting. */
async function succeeds(url, init) {
  const answer = await fetch(url, init);
  await answer.text();
  return answer.ok;
}

/** Runs the bridge's setup and starts it. Its warnings go to standard error. Returns its URL. */
async function startBridge(stripe, database) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = {
    DATABASE_URL: `host=${process.env.PGHOST} port=${process.env.PGPORT ?? 5432} user=shop_bridge dbname=${database}`,
    STRIPE_TEST_KEY: "sk_test_of_the_shop", STRIPE_API_BASE: stripe, PAYMENTS_BRIDGE_LISTEN: `127.0.0.1:${port}`,
    PAYMENTS_BRIDGE_LOG: process.env.PAYMENTS_BRIDGE_LOG ?? "warn",
  };
  const quiet = ["ignore", "ignore", "inherit"];
  await finished(program(bridge, ["setup", "--url", url, "--yes"], env, quiet));
  program(bridge, ["serve"], env, quiet);
  await until(() => succeeds(`${url}/health`), "payments-bridge is not healthy");
  return url;
}

/** Starts everything. Returns the URLs. */
export async function startShop(database) {
  const stripe = await urlOf(program(process.execPath, [here("fake-stripe.mjs")]));
  const bridgeUrl = await startBridge(stripe, database);
  const shop = await urlOf(program(process.execPath, [here("serve.mjs"), database]));
  // The catalog reaches the database through Stripe's events.
  const catalog = readFileSync(here("catalog.json"), "utf8");
  if (!(await succeeds(`${stripe}/_fake/catalog`, { method: "POST", body: catalog }))) throw new Error("the stand-in refuses the catalog");
  const items = JSON.parse(catalog).products.length;
  await until(async () => (await (await fetch(`${shop}/rest/items?select=price`)).json()).length === items, "the catalog has not arrived");
  return { shop, stripe, bridge: bridgeUrl };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
  const { shop, stripe, bridge: url } = await startShop(process.argv[2] ?? "shop");
  console.log(`the shop                ${shop}/`);
  console.log(`the stand-in for Stripe ${stripe}/  (the shop opens its pages; /_fake/requests shows its requests)`);
  console.log(`payments-bridge         ${url}/health, ${url}/metrics`);
  console.log("Press Ctrl-C to stop everything.");
}
