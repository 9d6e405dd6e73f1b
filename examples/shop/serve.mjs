// Serves the shop's page, and the stand-in for PostgREST under /rest, on loopback: serve.mjs DATABASE [PORT] prints {"url": …}.
// A real shop uses PostgREST, and any web server for the page.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { nodeModules } from "./fake-stripe/packages.mjs";
import { postgrest } from "./postgrest.mjs";

const page = fileURLToPath(new URL("page/", import.meta.url));
const FILES = {
  "/": [`${page}index.html`, "text/html; charset=utf-8"],
  "/shop.js": [`${page}shop.js`, "text/javascript"],
  "/postgrest-js/index.mjs": [`${nodeModules}@supabase/postgrest-js/dist/index.mjs`, "text/javascript"],
};
const [database, port = 0] = process.argv.slice(2);
const rest = postgrest({ database, host: process.env.PGHOST, port: Number(process.env.PGPORT ?? 5432) });

async function answer(request) {
  const { pathname, searchParams } = new URL(request.url, "http://shop");
  if (pathname in FILES) {
    const [file, type] = FILES[pathname];
    return { status: 200, headers: { "content-type": type }, body: readFileSync(file) };
  }
  if (!pathname.startsWith("/rest/")) return { status: 404, headers: {}, body: "" };
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { method, headers } = request;
  return rest({ method, path: pathname.slice("/rest".length), params: [...searchParams].length ? searchParams : new URLSearchParams(), headers, body: Buffer.concat(chunks).toString() });
}

const server = createServer(async (request, response) => {
  let result;
  try {
    result = await answer(request);
  } catch (error) {
    result = { status: 500, headers: {}, body: JSON.stringify({ message: error.message }) };
  }
  response.writeHead(result.status, result.headers).end(result.body);
});
server.listen(Number(port), "127.0.0.1", () => console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` })));
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
