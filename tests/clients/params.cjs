// What stripe_request() asks for is what Stripe's own library takes: params.cjs HOST PORT DATABASE FOLDER; one line a case.
//
// Each allowed parameter is set by itself and all are set together, in every mode, for each kind of buyer and way to show the page. Each
// request becomes a TypeScript file, which tsc compiles against the library's types: twice, as they are (an unknown key, or a value of
// another type, is an error), and with their enums closed (so is a word that is not listed; the library leaves its enums open). What
// Stripe refuses besides, because two parameters do not go together, the stand-in of examples/shop refuses.

const assert = require("node:assert");
const { execFileSync } = require("node:child_process");
const { cpSync, mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { Client } = require("pg");
const { drawnRequests } = require("./carts.cjs");
const { refusedByStandIn } = require("./stand-in.cjs");

const [host, port, database, folder] = process.argv.slice(2);
const library = dirname(dirname(require.resolve("stripe")));
const tsc = join(dirname(library), ".bin", "tsc");
const sessions = "resources/Checkout/Sessions";

// One value of each parameter with all its fields.
const all = {
  adaptive_pricing: { enabled: true },
  after_expiration: { recovery: { enabled: true, allow_promotion_codes: true } },
  allow_promotion_codes: true,
  discounts: [{ coupon: "half" }],
  allowed_payment_method_types: ["card", "link", "sepa_debit"],
  excluded_payment_method_types: ["sepa_debit"],
  automatic_tax: { enabled: true },
  billing_address_collection: "required",
  consent_collection: { payment_method_reuse_agreement: { position: "auto" }, promotions: "auto", terms_of_service: "required" },
  custom_fields: [
    { key: "size", label: { custom: "Size", type: "custom" }, optional: true, type: "dropdown", dropdown: { options: [{ label: "L", value: "l" }], default_value: "l" } },
    { key: "name", label: { custom: "Name", type: "custom" }, type: "text", text: { minimum_length: 1, maximum_length: 9, default_value: "Ada" } },
    { key: "age", label: { custom: "Age", type: "custom" }, type: "numeric", numeric: { minimum_length: 1, maximum_length: 3, default_value: "7" } },
  ],
  custom_text: { after_submit: { message: "a" }, shipping_address: { message: "b" }, submit: { message: "c" }, terms_of_service_acceptance: { message: "d" } },
  customer_creation: "if_required",
  customer_update: { address: "auto", name: "auto", shipping: "never" },
  expires_after: "1 hour",
  invoice_creation: {
    enabled: true,
    invoice_data: { account_tax_ids: ["atxi_1"], custom_fields: [{ name: "n", value: "v" }], description: "d", footer: "f", rendering_options: { amount_tax_display: "exclude_tax", template: "inrtem_1" } },
  },
  locale: "en-GB",
  payment_intent_data: { capture_method: "manual", setup_future_usage: "off_session", statement_descriptor_suffix: "SHOP" },
  payment_method_collection: "if_required",
  payment_method_configuration: "pmc_1",
  phone_number_collection: { enabled: true },
  shipping_address_collection: { allowed_countries: ["DE", "US"] },
  shipping_options: [
    { shipping_rate: "shr_1" },
    {
      shipping_rate_data: {
        display_name: "Post", type: "fixed_amount", tax_behavior: "exclusive", tax_code: "txcd_92010001",
        fixed_amount: { amount: 500, currency: "usd", currency_options: { eur: { amount: 450, tax_behavior: "inclusive" } } },
        delivery_estimate: { minimum: { unit: "business_day", value: 1 }, maximum: { unit: "week", value: 1 } },
      },
    },
  ],
  submit_type: "book",
  subscription_data: { billing_mode: { type: "flexible", flexible: { proration_discounts: "itemized" } }, description: "d", trial_period_days: 14, trial_settings: { end_behavior: { missing_payment_method: "pause" } } },
  tax_id_collection: { enabled: true, required: "if_supported" },
};

const shippingRate = (more) => [{ shipping_rate_data: { display_name: "Post", fixed_amount: { amount: 1, currency: "usd" }, ...more } }];

// Where a parameter is a word of a list: the library's name of the list (in its namespace, where others have that name), the words of it that are not ours to say, how it is nested, and
// the words of older versions, which we take too.
const lists = {
  AllowedPaymentMethodType: [["allowed_payment_method_types"], []],
  ExcludedPaymentMethodType: [["excluded_payment_method_types"], []],
  BillingAddressCollection: ["billing_address_collection", []],
  CustomerCreation: ["customer_creation", []],
  Locale: ["locale", []],
  PaymentMethodCollection: ["payment_method_collection", []],
  SubmitType: ["submit_type", ["subscribe"]],
  UiMode: ["ui_mode", [], undefined, ["hosted", "embedded", "custom"]],
  AllowedCountry: ["shipping_address_collection", [], (word) => ({ allowed_countries: [word] })],
  CaptureMethod: ["payment_intent_data", [], (word) => ({ capture_method: word })],
  SetupFutureUsage: ["payment_intent_data", [], (word) => ({ setup_future_usage: word })],
  MissingPaymentMethod: ["subscription_data", [], (word) => ({ trial_settings: { end_behavior: { missing_payment_method: word } } })],
  ProrationDiscounts: ["subscription_data", [], (word) => ({ billing_mode: { type: "flexible", flexible: { proration_discounts: word } } })],
  Promotions: ["consent_collection", [], (word) => ({ promotions: word })],
  TermsOfService: ["consent_collection", [], (word) => ({ terms_of_service: word })],
  Required: ["tax_id_collection", [], (word) => ({ enabled: true, required: word })],
  "ConsentCollection.PaymentMethodReuseAgreement.Position": ["consent_collection", [], (word) => ({ payment_method_reuse_agreement: { position: word } })],
  "CustomerUpdate.Address": ["customer_update", [], (word) => ({ address: word })],
  "CustomerUpdate.Name": ["customer_update", [], (word) => ({ name: word })],
  "CustomerUpdate.Shipping": ["customer_update", [], (word) => ({ shipping: word })],
  "CustomField.Type": ["custom_fields", [], (word) => [{ key: "k", label: { custom: "L", type: "custom" }, type: word }]],
  "SubscriptionData.BillingMode.Type": ["subscription_data", [], (word) => ({ billing_mode: { type: word } })],
  "ShippingRateData.TaxBehavior": ["shipping_options", [], (word) => shippingRate({ tax_behavior: word })],
  "FixedAmount.CurrencyOptions.TaxBehavior": ["shipping_options", [],
    (word) => shippingRate({ fixed_amount: { amount: 1, currency: "usd", currency_options: { eur: { amount: 1, tax_behavior: word } } } })],
  "DeliveryEstimate.Maximum.Unit": ["shipping_options", [], (word) => shippingRate({ delivery_estimate: { maximum: { unit: word, value: 1 } } })],
  "DeliveryEstimate.Minimum.Unit": ["shipping_options", [], (word) => shippingRate({ delivery_estimate: { minimum: { unit: word, value: 1 } } })],
  AmountTaxDisplay: ["invoice_creation", [], (word) => ({ enabled: true, invoice_data: { rendering_options: { amount_tax_display: word } } })],
};

function closed() {
  const copy = join(folder, "closed");
  cpSync(join(library, "esm"), copy, { recursive: true, filter: (path) => !path.endsWith(".js") && !path.endsWith(".map") });
  const file = join(copy, `${sessions}.d.ts`);
  writeFileSync(file, readFileSync(file, "utf8").replaceAll(" | OtherString", ""));
  return copy;
}

// The files that do not compile as this type of the library's, with what tsc says.
function compiled(name, types, requests, [module, type] = [sessions, "Checkout.SessionCreateParams"]) {
  const here = join(folder, name);
  mkdirSync(here, { recursive: true });
  for (const [file, params] of Object.entries(requests)) {
    writeFileSync(join(here, `${file}.ts`), `import type { ${type.split(".")[0]} } from "${join(types, module)}.js";\n`
      + `export const params: ${type} = ${JSON.stringify(params, null, 1)};\n`);
  }
  const options = { noEmit: true, strict: true, skipLibCheck: true, module: "nodenext", types: [] };
  writeFileSync(join(here, "tsconfig.json"), JSON.stringify({ compilerOptions: options, include: ["*.ts"] }));
  try {
    execFileSync(tsc, ["--project", here, "--pretty", "false"], { encoding: "utf8" });
    return {};
  } catch (error) {
    const wrong = {};
    for (const [, file, why] of error.stdout.matchAll(/([\w-]+)\.ts\(\d+,\d+\): (.*)/g)) wrong[file] ??= why;
    assert(Object.keys(wrong).length > 0, error.stdout || error.message);
    return wrong;
  }
}

let failed = 0;
async function test(name, run) {
  try {
    await run();
    console.log(`ok     types: ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED types: ${name}\n       ${error.message}`);
  }
}

async function requestsOf(client) {
  const set = (params) => client.query("select payments.set_checkout_defaults('test', $1)", [JSON.stringify(params)]);
  const requests = {};
  await client.query("insert into payments.stripe_customer_mappings (environment, subject_type, subject_id, stripe_customer_id) values ('test', 'user', 'known', 'cus_known')");
  const together = [{ ...all, discounts: undefined }, { ...all, allow_promotion_codes: undefined }];
  const cases = [["nothing", {}], ["all", together[0]], ["all-discounted", together[1]],
    ...Object.entries(all).map(([name, value]) => [name, { [name]: value }])];
  let buyers = 0;
  for (const [name, params] of cases) {
    for (const ui_mode of ["hosted", "embedded", "elements", "form"]) {
      await set({ ...params, ui_mode });
      for (const mode of ["payment", "subscription"]) {
        for (const buyer of mode === "payment" ? ["known", "new", null] : ["known", "new"]) {
          const subject = buyer === "new" ? `new-${(buyers += 1)}` : buyer;
          const { rows } = await client.query(
            `insert into payments.checkout_sessions (environment, mode, subject_type, subject_id, customer_email, line_items, success_url, cancel_url, metadata)
             values ('test', $1, case when $2::text is not null then 'user' end, $2, 'a@example.com', '[{"price": "price_1", "quantity": 2}]',
                     'https://a.example/paid', 'https://a.example/cart', '{"order_id": "7"}') returning id`, [mode, subject]);
          const asked = await client.query("select payments.stripe_request($1) as request", [rows[0].id]);
          requests[`${name}-${ui_mode}-${mode}-${buyer ?? "guest"}`] = asked.rows[0].request.params;
        }
      }
    }
  }
  await set({});
  await client.query(`insert into payments.prices (environment, stripe_price_id, stripe_product_id, active, type, currency, raw)
                      values ('test', 'price_metered', 'prod_m', true, 'recurring', 'usd', '{"recurring": {"usage_type": "metered"}}')`);
  const { rows: [{ request }] } = await client.query(
    `select payments.stripe_request(id) as request from payments.create_checkout_session('test', 'subscription',
       '[{"price": "price_metered", "quantity": 1}, {"price": "price_1"}]', 'https://a.example/paid', 'https://a.example/cart', 'user', 'metered')`);
  requests.metered = request.params;
  return requests;
}

// What is asked to change of subscriptions: one that is paid for, and one whose trial goes on.
async function changesOf(client) {
  const requests = {};
  await client.query("insert into payments.prices (environment, stripe_price_id, stripe_product_id, active, type) select 'test', p, p, true, 'recurring' from unnest('{price_1,price_2}'::text[]) p");
  await client.query("insert into payments.subscriptions (environment, stripe_subscription_id, status, subject_type, subject_id, cancel_at) select 'test', 'sub_' || s, s, 'user', s, case when s = 'trialing' then now() end from unnest('{active,trialing}'::text[]) s");
  await client.query("insert into payments.subscription_items (environment, stripe_subscription_item_id, stripe_subscription_id, stripe_price_id, quantity) select 'test', 'si_' || s, 'sub_' || s, 'price_1', 3 from unnest('{active,trialing}'::text[]) s");
  for (const status of ["active", "trialing"]) {
    for (const [action, price, quantity] of [["cancel"], ["resume"], ["change", "price_2"], ["change", null, 2], ["change", "price_2", 2]]) {
      const asked = await client.query("select payments.stripe_request(id) as request from payments.request_subscription_change('test', $1, $2, $3, $4)",
        [`sub_${status}`, action, price, quantity]);
      requests[`${status}-${action}-${price ?? ""}-${quantity ?? ""}`] = asked.rows[0].request.params;
    }
  }
  return requests;
}

async function checkWords(client) {
  const types = readFileSync(join(library, "esm", `${sessions}.d.ts`), "utf8");
  const create = types.slice(types.indexOf("interface SessionCreateParams {"), types.indexOf("interface SessionRetrieveParams"));
  for (const [list, [name, kept, nested, older = []]] of Object.entries(lists)) {
    const parameter = Array.isArray(name) ? name[0] : name;
    const value = (word) => ({ [parameter]: nested ? nested(word) : Array.isArray(name) ? [word] : word });
    // The first list of this name is the parameter's own: the others are those of single payment methods.
    const spaces = list.split(".");
    const type = spaces.pop();
    const within = spaces.reduce((text, space) => text.slice(text.indexOf(`namespace ${space} {`)), create);
    const found = [...within.matchAll(new RegExp(`type ${type} = ([^;]*);`, "g"))].map((match) => match[1]);
    const own = list === "SetupFutureUsage" ? found.find((words) => !words.includes("'none'")) : found[0];
    const theirs = [...own.matchAll(/'([^']+)'/g)].map((match) => match[1]).filter((word) => !kept.includes(word));
    const refused = await client.query("select payments.set_checkout_defaults('test', $1)", [JSON.stringify(value("?"))])
      .then(() => null, (error) => error.hint);
    const ours = (refused ?? "").replace(/^Stripe takes one of /, "").replace(/\.$/, "").split(", ");
    assert.deepEqual([...ours].sort(), [...theirs, ...older].sort(), list);
  }
}

(async () => {
  const client = new Client({ host, port: Number(port), database, user: "postgres" });
  await client.connect();
  const closedTypes = closed();
  const requests = await requestsOf(client);
  const good = requests["all-hosted-payment-guest"];
  for (const [name, types] of [["own", join(library, "esm")], ["closed", closedTypes]]) {
    await test(`${Object.keys(requests).length} requests, against the library's types${name === "closed" ? " with closed enums" : ""}`, () =>
      assert.deepEqual(compiled(name, types, requests), {}));
    await test(`what is wrong is seen there (${name})`, () => {
      const wrong = compiled(`wrong-${name}`, types, {
        key: { ...good, no_such_key: true },
        within: { ...good, automatic_tax: { enabled: true, metadata: {} } },
        type: { ...good, expires_at: "tomorrow" },
        word: { ...good, locale: "tlh" },
        fine: good,
      });
      assert.deepEqual(Object.keys(wrong).sort(), name === "closed" ? ["key", "type", "within", "word"] : ["key", "type", "within"]);
    });
  }
  await test(`${Object.keys(requests).length} requests, to the stand-in for Stripe`, async () => assert.deepEqual(await refusedByStandIn(requests), {}));
  await test("what does not go together is seen there", async () => {
    const known = requests["all-hosted-payment-known"];
    const wrong = await refusedByStandIn({
      fine: good, known,
      mode: { ...good, subscription_data: {} },
      page: { ...good, return_url: "https://a.example" },
      elements: { ...requests["all-elements-payment-guest"], custom_fields: good.custom_fields },
      text: { ...good, shipping_address_collection: undefined },
      terms: { ...good, consent_collection: undefined },
      saved: { ...known, customer_update: { ...known.customer_update, shipping: "never" } },
      named: { ...known, customer_update: { ...known.customer_update, name: "never" } },
      key: { ...good, custom_fields: [good.custom_fields[0], good.custom_fields[0]] },
      metered: { ...requests.metered, line_items: requests.metered.line_items.map((item) => ({ ...item, quantity: 1 })) },
    });
    assert.deepEqual(Object.keys(wrong), ["mode", "page", "elements", "text", "terms", "saved", "named", "key", "metered"]);
  });
  const drawn = await drawnRequests(client, 300);
  await test(`${Object.keys(drawn).length} requests of carts drawn at random, to the stand-in and against the types with closed enums`, async () => {
    assert.deepEqual(await refusedByStandIn(drawn), {});
    assert.deepEqual(compiled("drawn", closedTypes, drawn), {});
  });
  const changes = await changesOf(client);
  const update = ["resources/Subscriptions", "SubscriptionUpdateParams"];
  await test(`${Object.keys(changes).length} changes of subscriptions, against the library's types`, () => {
    assert.deepEqual(compiled("changes", join(library, "esm"), changes, update), {});
    assert.deepEqual(Object.entries(changes).filter(([, params]) => params.trial_end === "now").map(([name]) => name), ["trialing-change-price_2-", "trialing-change-price_2-2"]);
    assert.deepEqual(Object.keys(compiled("wrong-changes", join(library, "esm"), { end: { trial_end: "soon" }, fine: changes["trialing-change-price_2-"] }, update)), ["end"]);
  });
  await test("each parameter reaches Stripe in some mode", () => {
    const asked = (name) => Object.entries(requests).some(([file, params]) => file.startsWith(`${name}-`) && params[name] !== undefined);
    const renamed = { expires_after: "expires_at" };
    assert.deepEqual(Object.keys(all).filter((name) => !asked(name) && !(renamed[name] && requests[`${name}-hosted-payment-guest`][renamed[name]])), []);
  });
  await test("the words that are allowed are the library's", () => checkWords(client));
  await test("the version that is named is the library's", async () => {
    const { rows } = await client.query("select payments.stripe_version() as version");
    const pinned = readFileSync(join(library, "esm", "apiVersion.d.ts"), "utf8").match(/ApiVersion = "([^"]+)"/)[1];
    assert.equal(rows[0].version, pinned);
  });
  await client.end();
  process.exit(failed ? 1 : 0);
})();
