// Payments, refunds and disputes: how they change Stripe's objects, and which events they send.

import { refuse } from "./error.mjs";
import * as make from "./objects.mjs";
import { newId } from "./world.mjs";

const DAY = 86400;
const DECLINE = { code: "card_declined", decline_code: "generic_decline", message: "Your card was declined." };

/** Returns the end of a period that begins at `start`. */
function after(start, { interval, interval_count: count }) {
  const date = new Date(start * 1000);
  if (interval === "day") date.setUTCDate(date.getUTCDate() + count);
  else if (interval === "week") date.setUTCDate(date.getUTCDate() + 7 * count);
  else if (interval === "month") date.setUTCMonth(date.getUTCMonth() + count);
  else date.setUTCFullYear(date.getUTCFullYear() + count);
  return Math.floor(date / 1000);
}

function payerOf(world, session, email) {
  if (session.customer) return world.get("customer", session.customer);
  if (session.mode === "payment" && session.customer_creation !== "always" && !session.invoice_creation?.enabled) return undefined;
  const customer = world.put(make.customer(world.base("cus_", 14), { email, name: "Jenny Rosen" }));
  world.emit("customer.created", customer);
  return customer;
}

function methodOf(world, customer, email) {
  const method = world.put(make.paymentMethod(world.base("pm_1"), { customer: customer?.id ?? null, email }));
  if (customer) world.emit("payment_method.attached", method);
  return method;
}

/** Charges a card for a payment intent. The events are in Stripe's order. */
function chargeIntent(world, intent, { method, email, captured = true }) {
  const charge = world.put(make.charge(world.base("ch_3"), { intent, paymentMethod: method.id, email, captured }));
  world.emit("charge.succeeded", charge);
  if (captured) {
    world.change(intent, { status: "succeeded", amount_received: intent.amount, latest_charge: charge.id, payment_method: method.id });
    world.emit("payment_intent.succeeded", intent);
  } else {
    world.change(intent, { status: "requires_capture", amount_capturable: intent.amount, latest_charge: charge.id, payment_method: method.id });
    world.emit("payment_intent.amount_capturable_updated", intent);
  }
  return charge;
}

function newIntent(world, { amount, currency, customer, metadata, more }) {
  const intent = world.put(make.paymentIntent(world.base("pi_3"), { amount, currency, customer: customer?.id ?? null, metadata, more }));
  world.emit("payment_intent.created", intent);
  return intent;
}

/** Creates and finalizes an invoice, and pays it by card if its total is not zero. */
function payInvoice(world, { customer, email, lines, subscription, reason, method, currency, metadata, start, end }) {
  const base = world.base("in_1");
  const made = lines.map((line) => make.invoiceLine(newId("il_1"), { ...line, invoice: base.id, livemode: world.livemode, subscription: subscription?.id }));
  const number = `${customer.invoice_prefix}-${String(customer.next_invoice_sequence).padStart(4, "0")}`;
  world.change(customer, { next_invoice_sequence: customer.next_invoice_sequence + 1 });
  const invoice = world.put(make.invoice(base, { customer: customer.id, email, lines: made, subscription: subscription?.id, metadata, reason, number, currency, start, end }));
  world.emit("invoice.created", invoice);
  world.emit("invoice.finalized", invoice);
  let intent;
  if (invoice.total > 0) {
    intent = newIntent(world, { amount: invoice.total, currency, customer, metadata: {} });
    chargeIntent(world, intent, { method, email });
    const payment = world.put(make.invoicePayment(world.base("inpay_1"), { invoice, intent: intent.id }));
    world.emit("invoice_payment.paid", payment);
  }
  world.change(invoice, {
    status: "paid", amount_paid: invoice.total, amount_remaining: 0, attempted: true, attempt_count: invoice.total > 0 ? 1 : 0,
    status_transitions: { ...invoice.status_transitions, paid_at: world.now() },
  });
  world.emit("invoice.paid", invoice);
  world.emit("invoice.payment_succeeded", invoice);
  return { invoice, intent };
}

function startSubscription(world, session, customer, method) {
  const data = world.requests.get(session.id).subscription_data ?? {};
  const bought = world.items.get(session.id);
  const now = world.now();
  const trialEnd = data.trial_period_days ? now + data.trial_period_days * DAY : null;
  const base = world.base("sub_1");
  const items = bought.filter((item) => item.price.recurring).map((item) => make.subscriptionItem(world.base("si_", 14), {
    price: item.price, quantity: item.quantity, subscription: base.id, start: now, end: trialEnd ?? after(now, item.price.recurring),
  }));
  const subscription = world.put(make.subscription(base, {
    customer: customer.id, items, metadata: data.metadata ?? {}, paymentMethod: method?.id ?? null, description: data.description, trialEnd,
    status: trialEnd ? "trialing" : "active",
  }));
  const lines = bought.map((item) => {
    const own = items.find((one) => one.price.id === item.price.id);
    const free = Boolean(own && trialEnd);
    return {
      amount: free ? 0 : item.amount_total, description: `${item.quantity} × ${item.description}`, price: item.price, quantity: item.quantity, item: own?.id,
      period: own ? { start: own.current_period_start, end: own.current_period_end } : { start: now, end: now },
    };
  });
  const { invoice } = payInvoice(world, {
    customer, email: session.customer_details.email, lines, subscription, reason: "subscription_create", method, currency: session.currency,
    metadata: subscription.metadata, start: now, end: now,
  });
  world.change(subscription, { latest_invoice: invoice.id });
  world.emit("customer.subscription.created", subscription);
  return { subscription, invoice };
}

function payOnce(world, session, customer, method, delayed) {
  const data = world.requests.get(session.id).payment_intent_data ?? {};
  if (session.invoice_creation?.enabled) {
    const lines = world.items.get(session.id).map((item) => ({
      amount: item.amount_total, description: item.description, price: item.price, quantity: item.quantity, period: { start: world.now(), end: world.now() },
    }));
    return payInvoice(world, {
      customer, email: session.customer_details.email, lines, reason: "manual", method, currency: session.currency, start: world.now(), end: world.now(),
    });
  }
  if (session.amount_total === 0) return {};
  const captured = data.capture_method !== "manual";
  const intent = session.payment_intent ? world.get("payment_intent", session.payment_intent) : newIntent(world, {
    amount: session.amount_total, currency: session.currency, customer, metadata: data.metadata ?? {},
    more: { capture_method: data.capture_method ?? "automatic_async", setup_future_usage: data.setup_future_usage ?? null },
  });
  world.change(intent, { customer: customer?.id ?? null });
  if (delayed) {
    world.change(intent, { status: "processing", payment_method: method.id });
    world.emit("payment_intent.processing", intent);
  } else {
    chargeIntent(world, intent, { method, email: session.customer_details.email, captured });
  }
  return { intent, captured };
}

function mustBeOpen(session) {
  if (session.status !== "open") refuse(`This Checkout Session is ${session.status}.`, undefined, "checkout_session_not_open");
}

const details = (email) => ({
  address: { city: null, country: "US", line1: null, line2: null, postal_code: "94107", state: null }, business_name: null, email, individual_name: null,
  name: "Jenny Rosen", phone: null, tax_exempt: "none", tax_ids: [],
});

/** Completes a checkout session. With `delayed`, the payment is a bank debit that settleDelayed() ends. */
export function pay(world, session, { email, delayed = false } = {}) {
  mustBeOpen(session);
  const mail = session.customer_email ?? world.all("customer").get(session.customer)?.email ?? email ?? "buyer@example.com";
  session.customer_details = details(mail);
  const customer = payerOf(world, session, mail);
  const method = session.amount_total > 0 || session.payment_method_collection === "always" ? methodOf(world, customer, mail) : undefined;
  const { subscription, invoice, intent, captured = true } = session.mode === "subscription"
    ? startSubscription(world, session, customer, method)
    : payOnce(world, session, customer, method, delayed);
  world.change(session, {
    status: "complete", url: null, client_secret: null, customer: customer?.id ?? null, subscription: subscription?.id ?? null, invoice: invoice?.id ?? null,
    payment_intent: session.mode === "payment" ? intent?.id ?? null : null,
    payment_status: session.amount_total === 0 ? "no_payment_required" : delayed || !captured ? "unpaid" : "paid",
  });
  world.emit("checkout.session.completed", session);
  return session;
}

export function settleDelayed(world, session, succeeds) {
  const intent = world.get("payment_intent", session.payment_intent);
  if (intent.status !== "processing") refuse("This payment is not processing.");
  const method = world.get("payment_method", intent.payment_method);
  if (succeeds) {
    chargeIntent(world, intent, { method, email: session.customer_details.email });
    world.change(session, { payment_status: "paid" });
    world.emit("checkout.session.async_payment_succeeded", session);
  } else {
    fail(world, intent, method, session.customer_details.email);
    world.emit("checkout.session.async_payment_failed", session);
  }
  return session;
}

function fail(world, intent, method, email) {
  const charge = world.put(make.charge(world.base("ch_3"), { intent, paymentMethod: method.id, email, failure: DECLINE }));
  world.emit("charge.failed", charge);
  world.change(intent, {
    status: "requires_payment_method", latest_charge: charge.id,
    last_payment_error: { charge: charge.id, type: "card_error", ...DECLINE, payment_method: method },
  });
  world.emit("payment_intent.payment_failed", intent);
}

/** Declines the card. The session stays open, so that the buyer can try another card. */
export function decline(world, session, { email = "buyer@example.com" } = {}) {
  mustBeOpen(session);
  if (session.mode === "payment") {
    const data = world.requests.get(session.id).payment_intent_data ?? {};
    const intent = session.payment_intent
      ? world.get("payment_intent", session.payment_intent)
      : newIntent(world, { amount: session.amount_total, currency: session.currency, metadata: data.metadata ?? {} });
    world.change(session, { payment_intent: intent.id });
    fail(world, intent, methodOf(world, undefined, email), email);
  }
  return DECLINE;
}

/** Starts the next period of a subscription, and pays its invoice. */
export function renew(world, subscription) {
  const customer = world.get("customer", subscription.customer);
  const method = subscription.default_payment_method && world.get("payment_method", subscription.default_payment_method);
  const items = subscription.items.data.map((item) => ({
    ...item, current_period_start: item.current_period_end, current_period_end: after(item.current_period_end, item.price.recurring),
  }));
  const previous = world.change(subscription, { items: { ...subscription.items, data: items }, status: "active" });
  const { invoice } = payInvoice(world, {
    customer, email: customer.email, subscription, reason: "subscription_cycle", method, currency: subscription.currency, metadata: subscription.metadata,
    start: subscription.created, end: items[0].current_period_start,
    lines: items.map((item) => ({
      amount: item.price.unit_amount * item.quantity, description: `${item.quantity} × ${world.get("product", item.price.product).name}`, price: item.price,
      quantity: item.quantity, item: item.id, period: { start: item.current_period_start, end: item.current_period_end },
    })),
  });
  previous.latest_invoice = subscription.latest_invoice;
  world.change(subscription, { latest_invoice: invoice.id });
  world.emit("customer.subscription.updated", subscription, previous);
  return subscription;
}

export function refundCharge(world, charge, { amount = charge.amount - charge.amount_refunded, reason, metadata } = {}) {
  if (charge.refunded) refuse(`Charge ${charge.id} has already been refunded.`, undefined, "charge_already_refunded");
  if (amount > charge.amount - charge.amount_refunded) refuse("Refund amount is greater than unrefunded amount on charge.", "amount");
  const refund = world.put(make.refund(world.base("re_3"), { charge, amount, reason, metadata }));
  const refunded = charge.amount_refunded + amount;
  const previous = world.change(charge, { amount_refunded: refunded, refunded: refunded === charge.amount });
  world.emit("refund.created", refund);
  world.emit("charge.refunded", charge, previous);
  return refund;
}

export function disputeCharge(world, charge, status) {
  const known = [...world.all("dispute").values()].find((dispute) => dispute.charge === charge.id);
  if (known) {
    world.change(known, { status });
    world.emit("charge.dispute.closed", known);
    return known;
  }
  world.change(charge, { disputed: true });
  const dispute = world.put(make.dispute(world.base("du_1"), { charge, status: status ?? "needs_response" }));
  world.emit("charge.dispute.created", dispute);
  return dispute;
}
