// The whole shop, without backend code. This page queries the database through PostgREST, and row-level security decides
// what each visitor sees and may do. This page cannot mark an order as paid.

import { PostgrestClient } from "/postgrest-js/index.mjs";

const TEAM = "acme";
const find = (id) => document.getElementById(id);
const who = () => sessionStorage.getItem("who") ?? "";
const client = (schema) => new PostgrestClient(`${location.origin}/rest`, { schema, headers: who() ? { Authorization: `Bearer ${who()}` } : {} });
const money = (amount, currency) => new Intl.NumberFormat("en", { style: "currency", currency }).format(amount / 100);

/** Returns the data of a query, or throws the database's message and hint, which are written for users. */
async function data(query) {
  const { data: found, error } = await query;
  if (error) throw Object.assign(new Error([error.message, error.hint].filter(Boolean).join(": ")), { code: error.code });
  return found;
}

function say(text, isWrong = false) {
  find("message").textContent = text;
  find("message").classList.toggle("wrong", isWrong);
}

async function attempt(action) {
  try {
    await action();
  } catch (error) {
    say(error.message, true);
  }
}

function line(list, parts, more) {
  const item = document.createElement("li");
  for (const [text, kind] of parts) {
    const part = document.createElement("span");
    part.textContent = text;
    if (kind) part.className = kind;
    item.append(part, " ");
  }
  if (more) item.append(more);
  list.append(item);
}

function button(text, action) {
  const made = document.createElement("button");
  made.textContent = text;
  made.onclick = () => attempt(action);
  return made;
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Waits until the row of a session has the URL of Stripe's page. payments-bridge usually records it within a second. */
async function address(table, id) {
  for (let tries = 0; tries < 100; tries += 1) {
    const row = await data(client("payments").from(table).select("status,url,last_error").eq("id", id).single());
    if (row.url) return row.url;
    if (row.status === "failed") throw new Error(`Stripe refused: ${row.last_error}`);
    await pause(100);
  }
  throw new Error("Stripe has not answered yet. Try again in a minute");
}

const here = (hash) => `${location.origin}/#${hash}`;

async function buy(item) {
  if (!who()) throw new Error("Sign in first");
  say("One moment …");
  const order = item.kind === "order" ? await data(client("public").rpc("order_items", { price: item.price, quantity: 1 })) : undefined;
  const session = await data(client("payments").rpc("create_checkout_session", {
    environment: "test", mode: item.recurring ? "subscription" : "payment", line_items: [{ price: item.price, quantity: 1 }],
    success_url: here(`thanks/${order?.id ?? ""}`), cancel_url: here("back"), subject_type: item.kind === "team" ? "team" : "user", subject_id: item.kind === "team" ? TEAM : who(),
    metadata: order ? { order_id: order.id } : {}, idempotency_key: order ? `order-${order.id}` : crypto.randomUUID(),
  }));
  location.href = await address("checkout_sessions", session.id);
}

async function openPortal() {
  const session = await data(client("payments").rpc("create_customer_portal_session", { environment: "test", subject_type: "user", subject_id: who(), return_url: here("back") }));
  location.href = await address("customer_portal_sessions", session.id);
}

async function spend() {
  const balance = await data(client("payments").rpc("spend_credits", {
    subject_type: "user", subject_id: who(), amount: 20, idempotency_key: crypto.randomUUID(), reason: "a picture",
  }));
  say(`A picture was made. ${balance} credits are left.`);
  await show();
}

async function showItems() {
  const items = await data(client("public").from("items").select("*").order("amount"));
  find("items").replaceChildren();
  for (const item of items) {
    const price = money(item.amount, item.currency) + (item.recurring ? ` a ${item.recurring}` : "");
    const buying = button("Buy", () => buy(item));
    buying.dataset.price = item.price;
    line(find("items"), [[item.name, "name"], [price]], buying);
    const more = document.createElement("small");
    more.textContent = item.description;
    find("items").lastChild.firstChild.append(more);
  }
}

/** Shows a list of the account, or the text `nothing` if the database returns no rows to this visitor. */
async function showList(id, query, parts, nothing) {
  let rows = [];
  try {
    rows = await data(query);
  } catch (error) {
    if (!["42P01", "PGRST205"].includes(error.code)) throw error; // this version of payments does not have the view
    find(id).parentElement.hidden = true;
    return;
  }
  find(id).replaceChildren();
  for (const row of rows) line(find(id), parts(row));
  if (rows.length === 0) line(find(id), [[nothing, "nothing"]]);
}

const day = (time) => (time ? time.slice(0, 10) : "");

async function showAccount() {
  find("account").hidden = !who();
  if (!who()) return;
  find("credits").textContent = (await data(client("payments").rpc("credit_balance", { subject_type: "user", subject_id: who() }))) ?? 0;
  await showList("orders", client("public").from("orders").select("id,status,amount,currency").order("created_at", { ascending: false }).limit(8),
    (row) => [[`${row.id.slice(0, 8)}, ${money(row.amount, row.currency)}:`], [row.status, row.status]], "none yet");
  await showList("lessons", client("public").from("lessons").select("title,body").order("title"), (row) => [[`${row.title}: ${row.body}`, "lesson"]], "for who bought it");
  await showList("reports", client("public").from("reports").select("title"), (row) => [[row.title, "report"]], "for teams with a plan");
  await showList("subscriptions", client("payments").from("my_subscriptions").select("*"),
    (row) => [[`${row.plan_name ?? row.stripe_subscription_id}:`], [row.status, row.status], [row.cancel_at ? `ends on ${day(row.cancel_at)}` : `renews on ${day(row.current_period_end)}`]], "none");
  await showList("invoices", client("payments").from("my_invoices").select("*").limit(8),
    (row) => [[`${row.number}, ${money(row.amount_due, row.currency)}:`], [row.status, row.status]], "none");
}

async function show() {
  await showItems();
  await showAccount();
}

/** Waits until the database has processed the payment. The return from Stripe's page alone proves nothing. */
async function welcome() {
  const [, order] = /^#thanks\/([\w-]*)$/.exec(location.hash) ?? [];
  if (order === undefined || !who()) return;
  const status = async () => (await data(client("public").from("orders").select("status").eq("id", order).single())).status;
  if (order) say("Thank you. Waiting until Stripe says that it was paid …");
  for (let tries = 0; order && tries < 20 && (await status()) === "pending"; tries += 1) await pause(250);
  say(order && (await status()) === "pending" ? "Nothing was paid yet." : "Thank you.");
  await showAccount();
}

/** Refreshes the page every second. A refresh starts only after the previous one has finished. */
async function watch() {
  for (;;) {
    await pause(1000);
    if (who() && !document.hidden) await showAccount().catch(() => {});
  }
}

find("who").value = who();
find("who").onchange = () => {
  sessionStorage.setItem("who", find("who").value);
  say("");
  attempt(show);
};
find("spend").onclick = () => attempt(spend);
find("portal").onclick = () => attempt(openPortal);
await attempt(show);
document.body.dataset.ready = "yes";
await attempt(welcome);
watch();
