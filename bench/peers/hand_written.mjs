// A webhook handler as a careful developer writes it: it verifies with Stripe's library, and then in one transaction stores
// the event once, updates the payment, and marks the order as paid. Its tables are in tables.sql.

import { Stripe } from "./packages.mjs";
import { SECRET } from "./stream.mjs";

const webhooks = new Stripe("sk_test_unused").webhooks;

const STORE_EVENT = `
  insert into hand.events (id, type, created, payload) values ($1, $2, to_timestamp($3), $4)
  on conflict (id) do nothing`;

// Events come in any order: an older one fills in what is missing, but never overwrites what a newer one said.
const SAVE_PAYMENT = `
  insert into hand.payments as p
    (payment_intent, status, amount, currency, customer, charge, checkout_session, customer_email, last_event_at)
  values ($1, $2, $3, $4, $5, $6, $7, $8, to_timestamp($9))
  on conflict (payment_intent) do update
     set status = case when excluded.last_event_at >= p.last_event_at then excluded.status else p.status end,
         amount = case when excluded.last_event_at >= p.last_event_at then excluded.amount else p.amount end,
         customer = coalesce(p.customer, excluded.customer),
         charge = coalesce(p.charge, excluded.charge),
         checkout_session = coalesce(p.checkout_session, excluded.checkout_session),
         customer_email = coalesce(p.customer_email, excluded.customer_email),
         last_event_at = greatest(p.last_event_at, excluded.last_event_at),
         updated_at = now()`;

const PAY_ORDER = `
  update hand.orders
     set status = 'paid', payment_intent = $2, paid_at = to_timestamp($3), updated_at = now()
   where id = $1 and status = 'pending' and amount = $4 and currency = $5`;

/** Handles one webhook on a connection. Returns whether the event was new. */
export async function handle(client, payload, signature) {
  const event = webhooks.constructEvent(payload, signature, SECRET);
  await client.query("begin");
  try {
    const stored = await client.query({
      name: "store_event",
      text: STORE_EVENT,
      values: [event.id, event.type, event.created, payload],
    });
    if (stored.rowCount === 1) await apply(client, event);
    await client.query("commit");
    return stored.rowCount === 1;
  } catch (error) {
    await client.query("rollback");
    throw error;
  }
}

async function apply(client, event) {
  const payment = paymentOf(event);
  if (!payment) return;
  await client.query({
    name: "save_payment",
    text: SAVE_PAYMENT,
    values: [
      payment.intent, payment.status, payment.amount, payment.currency, payment.customer, payment.charge, payment.session,
      payment.email, event.created,
    ],
  });
  if (!payment.order) return;
  const paid = await client.query({
    name: "pay_order",
    text: PAY_ORDER,
    values: [payment.order, payment.intent, event.created, payment.amount, payment.currency],
  });
  if (paid.rowCount !== 1) throw new Error(`no pending order ${payment.order} costs ${payment.amount} ${payment.currency}`);
}

function paymentOf({ type, data: { object } }) {
  const { customer, currency } = object;
  switch (type) {
    case "payment_intent.succeeded":
      return {
        intent: object.id, status: object.status, amount: object.amount_received, currency, customer,
        charge: object.latest_charge,
      };
    case "charge.succeeded":
      return {
        intent: object.payment_intent, status: object.status, amount: object.amount, currency, customer, charge: object.id,
        email: object.billing_details.email,
      };
    case "checkout.session.completed":
      if (object.payment_status !== "paid") return null;
      return {
        intent: object.payment_intent, status: "succeeded", amount: object.amount_total, currency, customer,
        session: object.id, email: object.customer_details?.email, order: object.client_reference_id,
      };
    default:
      return null;
  }
}
