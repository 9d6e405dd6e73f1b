// Starts the whole shop beside a database that has examples/shop/shop.sql: the stand-in for Stripe with its catalog,
// payments-bridge, and the page. shop.mjs DATABASE; prints where everything is, and runs until it is ended.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const bridge = process.env.PAYMENTS_BRIDGE ?? here("../../target/debug/payments-bridge");

/** Runs a program until this one ends. Programs that say where they are print it as one line of JSON. */
function program(command, args, env = {}, stdio = ["ignore", "pipe", "inherit"]) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio });
  process.on("exit", () => child.kill());
  return child;
}

async function place(child) {
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

async function until(isSo, what) {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await isSo().catch(() => false)) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`${what} in 20 seconds`);
}

/** The bridge, set up and serving; what it warns of goes to standard error. */
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
  await until(async () => (await fetch(`${url}/health`)).ok, "payments-bridge is not healthy");
  return url;
}

/** Starts everything; returns where it is. */
export async function startShop(database) {
  const stripe = await place(program(process.execPath, [here("fake-stripe.mjs")]));
  const bridgeUrl = await startBridge(stripe, database);
  const shop = await place(program(process.execPath, [here("serve.mjs"), database]));
  // The bridge hears of the catalog as of everything else: by events.
  const catalog = readFileSync(here("catalog.json"), "utf8");
  await fetch(`${stripe}/_fake/catalog`, { method: "POST", body: catalog });
  const items = JSON.parse(catalog).products.length;
  await until(async () => (await (await fetch(`${shop}/rest/items?select=price`)).json()).length === items, "the catalog has not arrived");
  return { shop, stripe, bridge: bridgeUrl };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
  const { shop, stripe, bridge: url } = await startShop(process.argv[2] ?? "shop");
  console.log(`the shop                ${shop}/`);
  console.log(`the stand-in for Stripe ${stripe}/  (its pages open from the shop; /_fake/requests tells what it was asked)`);
  console.log(`payments-bridge         ${url}/health, ${url}/metrics`);
  console.log("Ctrl-C ends all of it.");
}
