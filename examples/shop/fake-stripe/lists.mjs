// Stripe's paginated lists, newest first: https://docs.stripe.com/api/pagination.

import { missing, refuse } from "./error.mjs";

/** Returns a page of objects, which must be sorted newest first. A cursor does not have to match the filter. */
export function page(url, kind, objects, params, matches = () => true) {
  const { limit = 10, starting_after: after, ending_before: before } = params;
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) refuse(`Invalid limit: must be between 1 and 100`, "limit");
  if (after !== undefined && before !== undefined) refuse("You may only specify one of these parameters: starting_after, ending_before.", "ending_before");
  const place = (id, param) => {
    const found = objects.findIndex((object) => object.id === id);
    return found >= 0 ? found : missing(kind, id, param);
  };
  if (before !== undefined) {
    // The page directly before the cursor, not the newest page.
    const newer = objects.slice(0, place(before, "ending_before")).filter(matches);
    return { object: "list", data: newer.slice(-limit), has_more: newer.length > limit, url };
  }
  const from = after === undefined ? 0 : place(after, "starting_after") + 1;
  const older = objects.slice(from).filter(matches);
  return { object: "list", data: older.slice(0, limit), has_more: older.length > limit, url };
}

export const newestFirst = (objects) => [...objects].reverse();

export function inRange(created, range) {
  if (range === undefined) return true;
  if (typeof range === "number") return created === range;
  const { gt = -Infinity, gte = -Infinity, lt = Infinity, lte = Infinity } = range;
  return created > gt && created >= gte && created < lt && created <= lte;
}

const PLAIN = ["customer", "active", "product", "currency", "type", "email", "payment_intent", "charge", "invoice", "status", "price", "subscription"];

/** Returns a function that tells whether an object matches the filters of a list request. */
export function matching(params) {
  return (object) => inRange(object.created, params.created) && PLAIN.every((name) => {
    if (params[name] === undefined) return true;
    if (object.object === "subscription" && name === "status") return params.status === "all" || object.status === params.status;
    if (object.object === "subscription" && name === "price") return object.items.data.some((item) => item.price.id === params.price);
    if (object.object === "invoice" && name === "subscription") return object.parent?.subscription_details?.subscription === params.subscription;
    return object[name] === params[name];
  }) && (object.object !== "subscription" || params.status !== undefined || object.status !== "canceled");
}

/** GET /v1/events: accepts at most 20 types, and lists the events of the last 30 days. */
export function events(world, params) {
  const { type, types } = params;
  if (type !== undefined && types !== undefined) refuse("You may only specify one of these parameters: type, types.", "types");
  if (types && types.length > 20) refuse("You may only specify up to 20 event types.", "types");
  const oldest = world.now() - 30 * 86400;
  const listed = newestFirst(world.all("event").values()).filter((event) => event.listedAt <= Date.now() && event.created >= oldest);
  const patterns = types ?? (type && [type]);
  const matches = (event) => inRange(event.created, params.created)
    && (!patterns || patterns.some((one) => one === event.type || (one.endsWith(".*") && event.type.startsWith(one.slice(0, -1)))))
    && (params.delivery_success === undefined || (event.pending_webhooks === 0) === params.delivery_success);
  return page("/v1/events", "event", listed, params, matches);
}
