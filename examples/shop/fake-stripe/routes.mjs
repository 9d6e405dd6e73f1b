// The routes of the API, each with the type that stripe-node declares for its parameters.

import { checkMetadata, createCheckoutSession, createPortalSession, expireCheckoutSession } from "./checkout.mjs";
import { missing, refuse } from "./error.mjs";
import { events, matching, newestFirst, page } from "./lists.mjs";
import * as make from "./objects.mjs";
import { refundCharge } from "./pay.mjs";
import { cancelSubscription, updateSubscription } from "./subscriptions.mjs";

const routes = [];

/** Adds a route: the method, the path with :id for an id, the file and name of the type of its parameters, and its action. */
function route(method, path, file, type, act) {
  const pattern = new RegExp(`^${path.replaceAll(/:\w+/g, "([^/]+)")}$`);
  routes.push({ method, pattern, path, file: `resources/${file}`, type, act });
}

const LISTS = [
  ["products", "product", "Products", "Product"], ["prices", "price", "Prices", "Price"], ["customers", "customer", "Customers", "Customer"],
  ["subscriptions", "subscription", "Subscriptions", "Subscription"], ["invoices", "invoice", "Invoices", "Invoice"], ["charges", "charge", "Charges", "Charge"],
  ["refunds", "refund", "Refunds", "Refund"], ["disputes", "dispute", "Disputes", "Dispute"], ["payment_intents", "payment_intent", "PaymentIntents", "PaymentIntent"],
  ["invoice_payments", "invoice_payment", "InvoicePayments", "InvoicePayment"], ["payment_methods", "payment_method", "PaymentMethods", "PaymentMethod"],
  ["checkout/sessions", "checkout.session", "Checkout/Sessions", "Checkout.Session"], ["webhook_endpoints", "webhook_endpoint", "WebhookEndpoints", "WebhookEndpoint"],
];
for (const [path, kind, file, type] of LISTS) {
  route("GET", `/v1/${path}`, file, `${type}ListParams`, ({ world, params }) =>
    page(`/v1/${path}`, kind, newestFirst(world.all(kind).values()), params, matching(params)));
  route("GET", `/v1/${path}/:id`, file, `${type}RetrieveParams`, ({ world, ids }) => world.get(kind, ids[0]));
}
route("GET", "/v1/events", "Events", "EventListParams", ({ world, params }) => events(world, params));
route("GET", "/v1/events/:id", "Events", "EventRetrieveParams", ({ world, ids }) => world.get("event", ids[0]));
route("GET", "/v1/account", "Accounts", "AccountRetrieveCurrentParams", ({ world }) => world.account);

route("GET", "/v1/checkout/sessions/:id/line_items", "Checkout/Sessions", "Checkout.SessionListLineItemsParams", ({ world, params, ids: [id] }) => {
  world.get("checkout.session", id);
  return page(`/v1/checkout/sessions/${id}/line_items`, "item", world.items.get(id), params);
});
route("GET", "/v1/invoices/:id/lines", "Invoices", "InvoiceListLineItemsParams", ({ world, params, ids: [id] }) =>
  page(`/v1/invoices/${id}/lines`, "line_item", world.allLines?.get(id) ?? world.get("invoice", id).lines.data, params));
route("GET", "/v1/customers/:id/payment_methods", "Customers", "CustomerListPaymentMethodsParams", ({ world, params, ids: [id] }) => {
  world.get("customer", id);
  const own = newestFirst(world.all("payment_method").values()).filter((method) => method.customer === id);
  return page(`/v1/customers/${id}/payment_methods`, "payment_method", own, params, (method) => !params.type || method.type === params.type);
});

route("POST", "/v1/checkout/sessions", "Checkout/Sessions", "Checkout.SessionCreateParams", ({ world, params, pages }) => createCheckoutSession(world, params, pages));
route("POST", "/v1/checkout/sessions/:id/expire", "Checkout/Sessions", "Checkout.SessionExpireParams", ({ world, ids }) =>
  expireCheckoutSession(world, world.get("checkout.session", ids[0])));
route("POST", "/v1/billing_portal/sessions", "BillingPortal/Sessions", "BillingPortal.SessionCreateParams", ({ world, params, pages }) =>
  createPortalSession(world, params, pages));
route("POST", "/v1/subscriptions/:id", "Subscriptions", "SubscriptionUpdateParams", ({ world, params, ids }) =>
  updateSubscription(world, world.get("subscription", ids[0]), params));
route("DELETE", "/v1/subscriptions/:id", "Subscriptions", "SubscriptionCancelParams", ({ world, ids }) => cancelSubscription(world, world.get("subscription", ids[0])));

function created(type) {
  return ({ world, params }, prefix, build) => {
    checkMetadata(params.metadata);
    const object = world.put(build(world.base(prefix, 14), params));
    world.emit(`${type}.created`, object);
    return object;
  };
}

route("POST", "/v1/products", "Products", "ProductCreateParams", (request) => {
  const base = request.params.id ? { ...request.world.base(""), id: request.params.id } : undefined;
  return created("product")(request, "prod_", (own, params) => make.product(base ?? own, params));
});
route("POST", "/v1/prices", "Prices", "PriceCreateParams", (request) => {
  const { world, params } = request;
  if (params.product === undefined) refuse("Missing required param: product.", "product", "parameter_missing");
  if (params.unit_amount === undefined) refuse("Missing required param: unit_amount.", "unit_amount", "parameter_missing");
  world.get("product", params.product, "product");
  return created("price")(request, "price_1", (own) => make.price(own, params));
});
route("POST", "/v1/customers", "Customers", "CustomerCreateParams", (request) => created("customer")(request, "cus_", (own, params) => make.customer(own, params)));
route("POST", "/v1/refunds", "Refunds", "RefundCreateParams", ({ world, params }) => {
  const id = params.charge ?? (params.payment_intent && world.get("payment_intent", params.payment_intent, "payment_intent").latest_charge);
  if (!id) refuse("One of the following params should be provided for this request: payment_intent or charge.");
  return refundCharge(world, world.get("charge", id, "charge"), params);
});

route("POST", "/v1/webhook_endpoints", "WebhookEndpoints", "WebhookEndpointCreateParams", ({ world, params, webhooks }) => {
  if (!URL.canParse(params.url) || !/^https?:/.test(params.url)) refuse("Invalid URL: An explicit scheme (such as https) must be provided.", "url", "url_invalid");
  if (world.livemode && !params.url.startsWith("https:")) refuse("Invalid URL: Webhook endpoints of live mode must be https.", "url", "url_invalid");
  if (world.all("webhook_endpoint").size >= 16) refuse("You have reached the maximum of 16 test webhook endpoints.");
  const endpoint = world.put(make.webhookEndpoint(world.base("we_1"), params));
  return { ...endpoint, secret: webhooks.newSecret(endpoint) }; // only this response contains the secret
});
route("POST", "/v1/webhook_endpoints/:id", "WebhookEndpoints", "WebhookEndpointUpdateParams", ({ world, params, ids }) => {
  const endpoint = world.get("webhook_endpoint", ids[0]);
  const { disabled, ...changes } = params;
  world.change(endpoint, { ...changes, ...(disabled !== undefined && { status: disabled ? "disabled" : "enabled" }) });
  return endpoint;
});
route("DELETE", "/v1/webhook_endpoints/:id", "WebhookEndpoints", "WebhookEndpointDeleteParams", ({ world, ids: [id] }) => {
  const endpoint = world.get("webhook_endpoint", id);
  endpoint.deleted = true;
  world.all("webhook_endpoint").delete(id);
  return { id, object: "webhook_endpoint", deleted: true };
});

/** Returns the route of a request, or throws Stripe's error for an unknown path. */
export function routeOf(method, path) {
  for (const one of routes) {
    const match = one.method === method && one.pattern.exec(path);
    if (match) return { ...one, ids: match.slice(1).map(decodeURIComponent) };
  }
  return missing("route", `${method} ${path}`);
}
