// Carts whose prices have defaults of their own, beside those of the environment: drawn at random, always the same.

const message = (text) => ({ message: text });
const field = (key) => ({ key, label: { custom: key, type: "custom" }, type: "text" });
const shipping = (country) => ({ allowed_countries: [country] });

// Values that differ, of each parameter that can be on or off, strict or lax.
const values = {
  adaptive_pricing: [{ enabled: true }, { enabled: false }],
  after_expiration: [{ recovery: { enabled: true, allow_promotion_codes: true } }, { recovery: { enabled: false } }],
  allow_promotion_codes: [true, false],
  discounts: [[{ coupon: "half" }], [{ promotion_code: "promo_1" }]],
  allowed_payment_method_types: [["card"], ["card", "link"], ["sepa_debit"]],
  excluded_payment_method_types: [["card"], ["sepa_debit", "klarna"]],
  automatic_tax: [{ enabled: true }, { enabled: false }],
  billing_address_collection: ["auto", "required"],
  consent_collection: [{ terms_of_service: "required" }, { terms_of_service: "none", promotions: "auto" }, {}],
  custom_fields: [[field("size")], [field("name"), field("color")]],
  custom_text: [{ submit: message("a") }, { shipping_address: message("b") }, { terms_of_service_acceptance: message("c") }, {}],
  customer_creation: ["always", "if_required"],
  customer_update: [{ address: "auto" }, { name: "never" }, { shipping: "never" }, {}],
  expires_after: ["1 hour", "30 minutes", "24 hours"],
  invoice_creation: [{ enabled: true, invoice_data: { footer: "f" } }, { enabled: false, invoice_data: { description: "d" } }],
  locale: ["de", "auto"],
  payment_intent_data: [{ capture_method: "manual" }, { setup_future_usage: "off_session" }, {}],
  payment_method_collection: ["always", "if_required"],
  payment_method_configuration: ["pmc_1", "pmc_2"],
  phone_number_collection: [{ enabled: true }, { enabled: false }],
  shipping_address_collection: [shipping("DE"), shipping("US")],
  shipping_options: [[{ shipping_rate: "shr_1" }]],
  submit_type: ["book", "pay"],
  subscription_data: [{ trial_period_days: 7 }, { trial_settings: { end_behavior: { missing_payment_method: "cancel" } } },
    { trial_period_days: 30, billing_mode: { type: "flexible", flexible: { proration_discounts: "itemized" } } }, { billing_mode: { type: "classic" } }],
  tax_id_collection: [{ enabled: true, required: "if_supported" }, { enabled: false, required: "never" }],
  ui_mode: ["hosted", "embedded", "elements", "form"],
};

function random(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % below;
  };
}

/** Draws parameters. Of the two that exclude each other at most one. */
function drawn(draw) {
  const params = {};
  for (const [name, choices] of Object.entries(values)) {
    if (draw(3) === 0) params[name] = choices[draw(choices.length)];
  }
  if (params.discounts) delete params.allow_promotion_codes;
  return params;
}

/** Returns the parameters of so many requests, each of a cart and defaults of its own. */
async function drawnRequests(client, count) {
  const draw = random(7);
  const set = (params, price = null) => client.query("select payments.set_checkout_defaults('test', $1, $2)", [JSON.stringify(params), price]);
  await client.query(`insert into payments.prices (environment, stripe_price_id, stripe_product_id, active, type, currency)
    select 'test', p, p, true, case when p ~ 'plan' then 'recurring' else 'one_time' end, 'usd'
      from unnest('{price_plan_a,price_plan_b,price_once_a,price_once_b}'::text[]) p`);
  const requests = {};
  for (let number = 0; number < count; number += 1) {
    const mode = draw(2) ? "payment" : "subscription";
    const once = ["price_once_a", "price_once_b"].filter(() => draw(2));
    const cart = mode === "payment" ? [...once, "price_1"] : [...["price_plan_a", "price_plan_b"].slice(draw(2)), ...once];
    await set(drawn(draw));
    for (const price of cart) await set(draw(3) ? drawn(draw) : {}, price);
    const subject = draw(3) ? (draw(2) ? "known" : `drawn-${number}`) : mode === "payment" ? null : `drawn-${number}`;
    const { rows: [{ request }] } = await client.query(
      `select payments.stripe_request(id) as request from payments.create_checkout_session('test', $1, $2, 'https://a.example/paid',
         'https://a.example/cart', case when $3::text is not null then 'user' end, $3, 'a@example.com')`,
      [mode, JSON.stringify(cart.map((price) => ({ price }))), subject]);
    requests[`drawn-${number}`] = request.params;
  }
  return requests;
}

module.exports = { drawnRequests };
