// Starts the programs of the shop for a test, and stops them.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const examples = new URL("../../examples/shop/", import.meta.url);

/** Starts a program that prints one line of JSON once it is ready. */
export async function start(command, args, env = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
  process.on("exit", () => child.kill());
  const line = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`${command} ${args.join(" ")} ended with ${code}`)));
  });
  return { ...JSON.parse(line), stop: () => child.kill() };
}

export const script = (name) => fileURLToPath(new URL(name, examples));

/** Starts the stand-in for Stripe, and returns its controls. */
export async function fakeStripe() {
  return controls(await start(process.execPath, [script("fake-stripe.mjs")]));
}

export function controls({ url, stop }) {
  const ask = async (path, init) => {
    const answer = await fetch(`${url}/_fake/${path}`, init);
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.error.message);
    return body;
  };
  return { url, stop, get: (name) => ask(name), post: (name, body = {}) => ask(name, { method: "POST", body: JSON.stringify(body) }) };
}

/** Waits until a condition is true. Returns its value. */
export async function until(condition, milliseconds = 10_000) {
  for (const end = Date.now() + milliseconds; Date.now() < end; ) {
    const found = await condition();
    if (found) return found;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`not true within ${milliseconds} ms: ${condition}`);
}
