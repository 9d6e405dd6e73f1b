// POST /v1/checkout/sessions and /v1/billing_portal/sessions: the rules that stripe-node's types do not express.

import { refuse } from "./error.mjs";
import * as make from "./objects.mjs";
import { newId } from "./world.mjs";

const HOUR = 3600;

function checkUrl(params, name) {
  if (params[name] === undefined) return;
  let url;
  try {
    url = new URL(params[name].replaceAll("{CHECKOUT_SESSION_ID}", "x"));
  } catch {
    refuse("Not a valid URL", name, "url_invalid");
  }
  if (!/^https?:$/.test(url.protocol) || params[name].length > 5000) refuse("Not a valid URL", name, "url_invalid");
}

export function checkMetadata(metadata, param = "metadata") {
  if (!metadata) return;
  if (Object.keys(metadata).length > 50) refuse("You can only have up to 50 metadata keys.", param);
  for (const [key, value] of Object.entries(metadata)) {
    if (key.length > 40) refuse(`Metadata keys can only be up to 40 characters in length: ${key}`, param);
    if (value.length > 500) refuse(`Metadata values can only be up to 500 characters in length: ${key}`, `${param}[${key}]`);
  }
}

function needs(params, name, condition, why) {
  if (params[name] !== undefined && !condition) refuse(why, name);
}

function checkMode(params) {
  if (!params.mode) refuse("Missing required param: mode.", "mode", "parameter_missing");
  const { mode } = params;
  for (const name of ["payment_intent_data", "submit_type", "invoice_creation", "customer_creation"]) {
    needs(params, name, mode === "payment" || (name === "customer_creation" && mode === "setup"), `You can not pass \`${name}\` in \`${mode}\` mode.`);
  }
  for (const name of ["subscription_data", "payment_method_collection"]) {
    needs(params, name, mode === "subscription", `You can only set \`${name}\` if \`mode\` is set to \`subscription\`.`);
  }
  needs(params, "line_items", mode !== "setup", "You can not pass `line_items` in `setup` mode.");
  const trial = params.subscription_data?.trial_period_days;
  if (trial !== undefined && !(trial >= 1 && trial <= 730)) refuse("Trial periods must be between 1 and 730 days.", "subscription_data[trial_period_days]");
  if (params.subscription_data?.trial_settings && trial === undefined && params.subscription_data.trial_end === undefined) {
    refuse("`trial_settings` can only be set with a trial.", "subscription_data[trial_settings]");
  }
}

function checkUiMode(params) {
  const ui = params.ui_mode ?? "hosted_page";
  if (ui === "hosted_page") {
    if (!params.success_url) refuse("Missing required param: success_url.", "success_url", "parameter_missing");
    needs(params, "return_url", false, "`return_url` is not supported with `ui_mode: hosted_page`.");
    needs(params, "redirect_on_completion", false, "`redirect_on_completion` is not supported with `ui_mode: hosted_page`.");
    return;
  }
  for (const name of ["success_url", "cancel_url"]) needs(params, name, false, `\`${name}\` is not supported with \`ui_mode: ${ui}\`.`);
  if (!params.return_url && params.redirect_on_completion !== "never") refuse("Missing required param: return_url.", "return_url", "parameter_missing");
  needs(params, "submit_type", ui !== "elements", `\`submit_type\` is not supported with \`ui_mode: ${ui}\`.`);
  if (ui !== "elements") return;
  for (const name of ["after_expiration", "branding_settings", "custom_fields", "custom_text", "origin_context", "redirect_on_completion"]) {
    needs(params, name, false, `\`${name}\` is not supported with \`ui_mode: elements\`.`);
  }
  if (params.tax_id_collection?.required !== undefined) refuse("`required` is not supported with `ui_mode: elements`.", "tax_id_collection[required]");
}

function repeats(values) {
  return new Set(values).size < values.length;
}

function checkCustomFields(fields = []) {
  if (fields.length > 3) refuse("There can be at most 3 custom fields.", "custom_fields");
  if (repeats(fields.map((field) => field.key))) refuse("Each custom field needs a key of its own.", "custom_fields");
  fields.forEach((field, place) => {
    const param = `custom_fields[${place}]`;
    if (!/^[a-z0-9]{1,200}$/i.test(field.key)) refuse("A key has up to 200 letters and digits.", `${param}[key]`);
    if (field.label.custom.length > 100) refuse("A label has up to 100 characters.", `${param}[label][custom]`);
    const { options, default_value } = field.dropdown ?? {};
    if (field.type === "dropdown" && !options) refuse("A dropdown needs options.", `${param}[dropdown]`);
    if (options && repeats(options.map((option) => option.value))) refuse("Each option needs a value of its own.", `${param}[dropdown][options]`);
    if (default_value !== undefined && !options.some((option) => option.value === default_value)) {
      refuse("The default must be one of the options.", `${param}[dropdown][default_value]`);
    }
  });
}

/** Checks that a text about shipping or terms of service comes with the parameter that asks for them. */
function checkTexts(params) {
  const text = params.custom_text ?? {};
  if (text.shipping_address && !params.shipping_address_collection) {
    refuse("`custom_text[shipping_address]` needs `shipping_address_collection`.", "custom_text[shipping_address]");
  }
  if (text.terms_of_service_acceptance && params.consent_collection?.terms_of_service !== "required") {
    refuse("`custom_text[terms_of_service_acceptance]` needs `consent_collection[terms_of_service]`.", "custom_text[terms_of_service_acceptance]");
  }
}

/** Checks that a known customer is updated with what taxes depend on, and with the name if tax ids are collected. */
function checkCustomerUpdate(params) {
  if (params.customer === undefined) return;
  const update = params.customer_update ?? {};
  const taxes = params.automatic_tax?.enabled;
  if (taxes && params.shipping_address_collection && update.shipping !== "auto") {
    refuse("You specified `shipping_address_collection`. To use `automatic_tax` with this parameter, you must also set `customer_update[shipping]` to `auto`.", "customer_update[shipping]", "parameter_missing");
  }
  if (taxes && update.address !== "auto" && update.shipping !== "auto") {
    refuse("Automatic tax calculation in Checkout requires a valid address on the Customer.", "customer_update[address]", "customer_tax_location_invalid");
  }
  if (params.tax_id_collection?.enabled && update.name !== "auto") {
    refuse("Tax ID collection requires updating business name on the customer. To enable tax ID collection for an existing customer, please set `customer_update[name]` to `auto`.", "customer_update[name]");
  }
}

function checkTogether(world, params) {
  for (const [one, other] of [["customer", "customer_email"], ["allow_promotion_codes", "discounts"], ["allowed_payment_method_types", "excluded_payment_method_types"]]) {
    if (params[one] !== undefined && params[other] !== undefined) refuse(`You may only specify one of these parameters: ${one}, ${other}.`, one);
  }
  needs(params, "customer_creation", params.customer === undefined, "`customer_creation` can not be set with `customer`.");
  needs(params, "customer_update", params.customer !== undefined, "`customer_update` can only be used with `customer`.");
  if (params.customer !== undefined) world.get("customer", params.customer, "customer");
  if (params.customer_email !== undefined && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(params.customer_email)) {
    refuse(`Invalid email address: ${params.customer_email}`, "customer_email", "email_invalid");
  }
  const wait = (params.expires_at ?? world.now() + HOUR) - world.now();
  if (wait < HOUR / 2 - 60 || wait > 24 * HOUR + 60) {
    refuse("The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.", "expires_at");
  }
}

/** Returns the line items with their prices. The error messages are Stripe's, as the logs of its dashboard show them. */
function priced(world, params) {
  const given = params.line_items ?? [];
  if (given.length === 0) refuse("Missing required param: line_items.", "line_items", "parameter_missing");
  if (given.length > 100) refuse("`line_items` can have at most 100 items.", "line_items");
  const items = given.map((item, place) => {
    const param = `line_items[${place}]`;
    if (item.price === undefined) refuse(`You must specify either \`price\` or \`price_data\`, and this stand-in knows \`price\` only.`, param);
    const price = world.get("price", item.price, `${param}[price]`);
    if (!price.active) refuse("The price specified is inactive. This field only accepts active prices.", `${param}[price]`, "price_inactive");
    if (price.recurring?.usage_type === "metered") {
      if (item.quantity !== undefined) refuse(`Quantity should not be specified where usage_type is \`metered\`. Remove \`quantity\` from \`${param}\`.`, `${param}[quantity]`);
      return make.checkoutItem(newId("li_1"), price, 0, world.get("product", price.product).name);
    }
    if (item.quantity === undefined) refuse("Quantity is required. Add `quantity` to the line item.", `${param}[quantity]`, "parameter_missing");
    if (!Number.isInteger(item.quantity) || item.quantity < 1) refuse("Quantity must be a whole number of at least 1.", `${param}[quantity]`);
    return make.checkoutItem(newId("li_1"), price, item.quantity, world.get("product", price.product).name);
  });
  const recurring = items.filter((item) => item.price.recurring);
  if (params.mode === "payment" && recurring.length > 0) {
    refuse("You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices.", "mode");
  }
  if (params.mode === "subscription" && recurring.length === 0) {
    refuse("You must provide at least one recurring price in `subscription` mode when using prices.", "mode");
  }
  if (params.mode === "subscription" && (recurring.length > 20 || items.length - recurring.length > 20)) {
    refuse("In `subscription` mode there can be at most 20 recurring and 20 one-time line items.", "line_items");
  }
  const { currency } = items[0];
  if (items.some((item) => item.currency !== currency)) refuse("All prices on a Checkout Session must be in the same currency.", "line_items");
  if (params.currency !== undefined && params.currency !== currency) {
    refuse(`The price specified supports the currencies of \`${currency}\`. This doesn't match the expected currency: \`${params.currency}\`.`, "line_items[0][price]");
  }
  return items;
}

export function createCheckoutSession(world, params, pages) {
  checkMode(params);
  if (params.mode === "setup") refuse("This stand-in has no `setup` mode.", "mode");
  checkUiMode(params);
  for (const name of ["success_url", "cancel_url", "return_url"]) checkUrl(params, name);
  checkMetadata(params.metadata);
  checkMetadata(params.payment_intent_data?.metadata, "payment_intent_data[metadata]");
  checkMetadata(params.subscription_data?.metadata, "subscription_data[metadata]");
  checkTogether(world, params);
  checkCustomFields(params.custom_fields);
  checkTexts(params);
  checkCustomerUpdate(params);
  const items = priced(world, params);
  const base = world.base(`cs_${world.livemode ? "live" : "test"}_a1`, 56);
  const hosted = (params.ui_mode ?? "hosted_page") === "hosted_page";
  // During a trial, recurring items cost nothing.
  const due = items.filter((item) => !(params.subscription_data?.trial_period_days && item.price.recurring));
  const session = make.checkoutSession(base, params, {
    amount: due.reduce((sum, item) => sum + item.amount_total, 0), currency: items[0].currency, livemode: world.livemode,
    url: hosted ? `${pages}/c/pay/${base.id}` : null, client_secret: hosted ? null : `${base.id}_secret_${newId("fid", 12)}`,
  });
  world.items.set(session.id, items);
  world.requests.set(session.id, params);
  return world.put(session);
}

export function expireCheckoutSession(world, session) {
  if (session.status !== "open") refuse(`Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of \`${session.status}\`.`);
  world.change(session, { status: "expired", url: null, client_secret: null });
  world.emit("checkout.session.expired", session);
  return session;
}

export function createPortalSession(world, params, pages) {
  if (params.customer === undefined) refuse("Missing required param: customer.", "customer", "parameter_missing");
  world.get("customer", params.customer, "customer");
  checkUrl(params, "return_url");
  const base = world.base("bps_1");
  return world.put(make.portalSession(base, params, `${pages}/p/session/${base.id}`));
}
