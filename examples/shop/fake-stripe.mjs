// A stand-in for Stripe on loopback, for the shop and the tests: its API, its webhooks and its hosted pages. It keeps
// everything in memory, and refuses what Stripe refuses; see fake-stripe/. `node fake-stripe.mjs [PORT]` prints one line
// of JSON: {"url": …}.

import { createServer } from "node:http";
import { control } from "./fake-stripe/control.mjs";
import { StripeError } from "./fake-stripe/error.mjs";
import { hostedPage } from "./fake-stripe/pages.mjs";
import { Api } from "./fake-stripe/server.mjs";
import { Webhooks } from "./fake-stripe/webhooks.mjs";
import { World } from "./fake-stripe/world.mjs";

const worlds = { test: new World(false), live: new World(true) };
const webhooks = new Webhooks();
for (const world of Object.values(worlds)) webhooks.watch(world);
const api = new Api(worlds, webhooks);

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function answer(request) {
  const { pathname: path, search } = new URL(request.url, "http://stand-in");
  const { method, headers } = request;
  const body = await bodyOf(request);
  if (path.startsWith("/v1/")) {
    return api.answer({ method, path, query: search.slice(1), body, headers, pages: `http://${headers.host}` });
  }
  if (path.startsWith("/_fake/")) return control({ worlds, api, webhooks }, method, path, search, body);
  return hostedPage(worlds, method, path, body) ?? { status: 404, headers: {}, body: { error: { message: `no such page: ${path}` } } };
}

const server = createServer(async (request, response) => {
  let result;
  try {
    result = await answer(request);
  } catch (error) {
    // A mistake in a test (an unknown id, a body that is not JSON) or in this program.
    result = { status: error.status ?? 500, headers: {}, body: error instanceof StripeError ? error.body : { error: { type: "stand_in_error", message: error.stack } } };
  }
  if (result.drop) return request.socket.destroy();
  const text = typeof result.body === "string" ? result.body : JSON.stringify(result.body, null, 2);
  return response.writeHead(result.status, { "content-type": "application/json", ...result.headers }).end(text);
});
server.keepAliveTimeout = 30_000;
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` })));
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
