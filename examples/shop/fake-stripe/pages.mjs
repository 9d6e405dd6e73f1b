// Stripe's hosted pages, checkout and the customer portal, as plain forms without scripts.

import { decline, pay } from "./pay.mjs";
import { cancelSubscription, updateSubscription } from "./subscriptions.mjs";

const escape = (text) => String(text).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
const money = (amount, currency) => `${(amount / 100).toFixed(2)} ${currency.toUpperCase()}`;
const day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);

const html = (title, body) => ({
  status: 200,
  headers: { "content-type": "text/html; charset=utf-8" },
  body: `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:3rem auto;color:#1a1f36}button{font:inherit;padding:.5rem 1rem;margin:.25rem 0;width:100%;border:0;border-radius:6px;
background:#635bff;color:#fff}button.quiet{background:#e3e8ee;color:#1a1f36}li{display:flex;justify-content:space-between}ul{padding:0}.wrong{color:#c0123c}small{color:#697386}</style>
<small>a stand-in for Stripe: no real card, no real money</small><h1>${escape(title)}</h1>${body}</html>`,
});
const redirect = (location) => ({ status: 303, headers: { location }, body: "" });
const button = (action, label, quiet) => `<button name="action" value="${action}"${quiet ? ' class="quiet"' : ""}>${escape(label)}</button>`;

function find(worlds, kind, id) {
  return Object.values(worlds).map((world) => ({ world, object: world.all(kind).get(id) })).find((one) => one.object);
}

const back = (session) => (session.success_url ?? session.return_url).replaceAll("{CHECKOUT_SESSION_ID}", session.id);

function checkoutPage({ world, object: session }, wrong) {
  if (session.status === "complete") return html("Paid already", `<p><a href="${escape(back(session))}">Back to the shop</a>`);
  if (session.status === "expired") return html("This page has expired", "");
  const items = world.items.get(session.id).map((item) => `<li><span>${item.quantity} × ${escape(item.description)}</span> <span>${money(item.amount_total, item.currency)}</span>`);
  return html(`Pay ${money(session.amount_total, session.currency)}`, `<ul>${items.join("")}</ul>${wrong ? `<p class="wrong" id="declined">${escape(wrong.message)}` : ""}
<form method="post">${button("pay", "Pay")}${button("decline", "Pay with a card that is declined", true)}</form>
${session.cancel_url ? `<p><a href="${escape(session.cancel_url)}">Back without paying</a>` : ""}`);
}

function portalPage({ world, object: session }) {
  const own = (kind) => [...world.all(kind).values()].filter((object) => object.customer === session.customer);
  const plans = own("subscription").map((one) => `<form method="post"><input type="hidden" name="subscription" value="${one.id}">
<p>${escape(world.get("product", one.items.data[0].price.product).name)}: ${one.status}${one.cancel_at_period_end ? `, ends on ${day(one.cancel_at)}` : ""}</p>
${one.status === "canceled" ? "" : one.cancel_at_period_end ? button("resume", "Keep it") : button("cancel", "Cancel at the end of the period") + button("end", "Cancel now", true)}</form>`);
  const invoices = own("invoice").map((one) => `<li><span>${escape(one.number)}</span> <span>${money(one.total, one.currency)}</span> <span>${one.status}</span>`);
  return html("Your plan", `${plans.join("") || "<p>No subscription."}<h2>Invoices</h2><ul>${invoices.join("")}</ul>
${session.return_url ? `<p><a id="back" href="${escape(session.return_url)}">Back to the shop</a>` : ""}`);
}

const ACTIONS = {
  cancel: (world, one) => updateSubscription(world, one, { cancel_at_period_end: true }),
  resume: (world, one) => updateSubscription(world, one, { cancel_at_period_end: false }),
  end: (world, one) => cancelSubscription(world, one),
};

/** Returns the response to a request for a hosted page, or undefined for any other path. */
export function hostedPage(worlds, method, path, body) {
  const [, place, id] = /^\/(c\/pay|p\/session)\/([^/]+)$/.exec(path) ?? [];
  const found = place && find(worlds, place === "c/pay" ? "checkout.session" : "billing_portal.session", id);
  if (!found) return undefined;
  const form = new URLSearchParams(body);
  if (place === "p/session") {
    if (method === "POST") ACTIONS[form.get("action")]?.(found.world, found.world.get("subscription", form.get("subscription")));
    return method === "POST" ? redirect(path) : portalPage(found);
  }
  if (method !== "POST" || found.object.status !== "open") return checkoutPage(found);
  if (form.get("action") === "decline") return checkoutPage(found, decline(found.world, found.object));
  pay(found.world, found.object);
  return redirect(back(found.object));
}
