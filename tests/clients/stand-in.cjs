// What the stand-in of examples/shop says to requests: it refuses what Stripe refuses, as far as Stripe says so.

const { join } = require("node:path");
const { pathToFileURL } = require("node:url");

const part = (name) => import(pathToFileURL(join(__dirname, "../../examples/shop/fake-stripe", `${name}.mjs`)));

// Price ids say what they are: price_1 is paid as the mode has it.
function world(mode, make, World) {
  const made = new World(false);
  const based = (id) => ({ ...made.base("x"), id });
  made.put(make.product(based("prod_1"), { name: "A product" }));
  made.put(make.customer(based("cus_known"), {}));
  const price = (id, usage_type) => made.put({
    ...make.price(based(id), { product: "prod_1", unit_amount: 1000, currency: "usd" }),
    ...(usage_type && { type: "recurring", recurring: { interval: "month", interval_count: 1, usage_type } }),
  });
  price("price_1", mode === "subscription" ? "licensed" : undefined);
  price("price_metered", "metered");
  for (const id of ["price_plan_a", "price_plan_b"]) price(id, "licensed");
  for (const id of ["price_once_a", "price_once_b"]) price(id);
  return made;
}

/** Returns what is wrong, by the names of the requests that are refused. */
async function refusedByStandIn(requests) {
  const [{ createCheckoutSession }, make, { World }] = await Promise.all(["checkout", "objects", "world"].map(part));
  const worlds = { payment: world("payment", make, World), subscription: world("subscription", make, World) };
  const refused = {};
  for (const [name, params] of Object.entries(requests)) {
    try {
      createCheckoutSession(worlds[params.mode], params, "https://pages.example");
    } catch (error) {
      if (!error.body) throw error;
      refused[name] = `${error.body.error.param}: ${error.message}`;
    }
  }
  return refused;
}

module.exports = { refusedByStandIn };
