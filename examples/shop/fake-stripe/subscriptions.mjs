// POST and DELETE /v1/subscriptions/:id: cancel, resume, and change the price or the quantity.

import { refuse } from "./error.mjs";
import * as make from "./objects.mjs";
import { checkMetadata } from "./checkout.mjs";

const KNOWN = ["cancel_at_period_end", "cancel_at", "items", "metadata", "proration_behavior", "payment_behavior", "proration_date", "trial_end", "cancellation_details", "expand", "description"];

function changedItems(world, subscription, changes) {
  const items = subscription.items.data.map((item) => ({ ...item }));
  for (const [place, change] of changes.entries()) {
    const param = `items[${place}]`;
    const price = change.price && world.get("price", change.price, `${param}[price]`);
    if (price && !price.recurring) refuse("The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.", `${param}[price]`);
    if (price && !price.active) refuse("The price specified is inactive. This field only accepts active prices.", `${param}[price]`);
    const item = change.id && (items.find((one) => one.id === change.id) ?? refuse(`No such subscription_item: '${change.id}'`, `${param}[id]`, "resource_missing"));
    if (item && change.deleted) {
      items.splice(items.indexOf(item), 1);
    } else if (item) {
      const { id, created, current_period_start: start, current_period_end: end } = item;
      Object.assign(item, make.subscriptionItem({ id, created }, { price: price ?? item.price, quantity: change.quantity ?? item.quantity, subscription: subscription.id, start, end }));
    } else {
      if (!price) refuse("Missing required param: items[price].", `${param}[price]`, "parameter_missing");
      const [{ current_period_start: start, current_period_end: end }] = items;
      items.push(make.subscriptionItem(world.base("si_", 14), { price, quantity: change.quantity ?? 1, subscription: subscription.id, start, end }));
    }
  }
  if (items.length === 0) refuse("A subscription must have at least one active plan. To cancel a subscription, please use the cancel API endpoint.", "items");
  return { ...subscription.items, data: items };
}

/** Updates a subscription. A change of price or quantity creates no proration; the next invoice has the new amount. */
export function updateSubscription(world, subscription, params) {
  if (["canceled", "incomplete_expired"].includes(subscription.status)) refuse("A canceled subscription can only update its cancellation_details and metadata.", undefined);
  for (const name of Object.keys(params)) if (!KNOWN.includes(name)) refuse(`This stand-in does not change \`${name}\`.`, name);
  if (params.cancel_at !== undefined && params.cancel_at_period_end !== undefined) refuse("You may only specify one of these parameters: cancel_at, cancel_at_period_end.", "cancel_at");
  checkMetadata(params.metadata);
  const changes = {};
  const ends = Math.max(...subscription.items.data.map((item) => item.current_period_end));
  if (params.cancel_at_period_end !== undefined) {
    Object.assign(changes, params.cancel_at_period_end
      ? { cancel_at_period_end: true, cancel_at: ends, canceled_at: world.now(), cancellation_details: { ...subscription.cancellation_details, reason: "cancellation_requested" } }
      : { cancel_at_period_end: false, cancel_at: null, canceled_at: null, cancellation_details: { ...subscription.cancellation_details, reason: null } });
  }
  if (params.cancel_at !== undefined) Object.assign(changes, { cancel_at: params.cancel_at || null, canceled_at: params.cancel_at ? world.now() : null });
  if (params.trial_end !== undefined) {
    if (params.trial_end !== "now") refuse("This stand-in ends a trial now, or not at all.", "trial_end");
    if (subscription.status === "trialing") Object.assign(changes, { trial_end: world.now(), status: "active" });
  }
  if (params.items) changes.items = changedItems(world, subscription, params.items);
  if (params.metadata) changes.metadata = { ...subscription.metadata, ...params.metadata };
  if (params.description !== undefined) changes.description = params.description || null;
  const previous = world.change(subscription, changes);
  if (Object.keys(previous).length > 0) world.emit("customer.subscription.updated", subscription, previous);
  return subscription;
}

export function cancelSubscription(world, subscription) {
  if (subscription.status === "canceled") refuse(`No such subscription: '${subscription.id}'`, "id", "resource_missing");
  world.change(subscription, {
    status: "canceled", canceled_at: world.now(), ended_at: world.now(), cancellation_details: { ...subscription.cancellation_details, reason: "cancellation_requested" },
  });
  world.emit("customer.subscription.deleted", subscription);
  return subscription;
}
