// Renders the parameters of every request, and every object, as TypeScript with stripe-node's types. check-types.mjs runs
// the compiler on it.

const OBJECTS = {
  product: "Product", price: "Price", customer: "Customer", "checkout.session": "Checkout.Session", payment_intent: "PaymentIntent", charge: "Charge",
  refund: "Refund", dispute: "Dispute", invoice: "Invoice", invoice_payment: "InvoicePayment", subscription: "Subscription", payment_method: "PaymentMethod",
  webhook_endpoint: "WebhookEndpoint", "billing_portal.session": "BillingPortal.Session",
};

export function typescript(log, worlds) {
  const lines = ['import type { Stripe } from "stripe";'];
  const requests = log.filter(({ params, pinned }) => params && pinned);
  for (const [number, { type, params, method, path }] of requests.entries()) {
    lines.push(`// ${method} ${path}`, `export const request${number}: Stripe.${type} = ${JSON.stringify(params)};`);
  }
  let number = 0;
  for (const world of Object.values(worlds)) {
    for (const [kind, type] of Object.entries(OBJECTS)) {
      for (const object of world.all(kind).values()) lines.push(`export const object${(number += 1)}: Stripe.${type} = ${JSON.stringify(object)};`);
    }
  }
  return { requests: requests.length, objects: number, source: `${lines.join("\n")}\n` };
}
