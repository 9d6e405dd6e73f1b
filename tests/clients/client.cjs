// Stripe's Node library signs and verifies, the `pg` client carries: client.cjs HOST PORT DATABASE; one line a case.

const assert = require("node:assert");
const { Client } = require("pg");
const Stripe = require("stripe");
const { SECRET, event, cases } = require("./events.json");

const [host, port, database] = process.argv.slice(2);
const webhooks = new (Stripe.default ?? Stripe)("sk_test_unused").webhooks;
const RECEIVE = "select payments.receive_stripe_webhook('test', $1::text, $2) as answer";
const RECEIVE_BYTES = "select payments.receive_stripe_webhook('test', $1::bytea, $2) as answer";

function signed(id, more = {}) {
  const payload = JSON.stringify({ ...event, id, ...more }, null, 2);
  return [payload, webhooks.generateTestHeaderString({ payload, secret: SECRET })];
}

const tests = {
  async "what Stripe's library signs is received"(client) {
    const { rows } = await client.query(RECEIVE, signed("evt_node_text"));
    assert.equal(rows[0].answer.received, true);
    assert.equal(rows[0].answer.handled, true);
    assert.equal(rows[0].answer.event_id, "evt_node_text");
  },
  async "as bytes too"(client) {
    const [payload, header] = signed("evt_node_bytes");
    const { rows } = await client.query(RECEIVE_BYTES, [Buffer.from(payload), header]);
    assert.equal(rows[0].answer.received, true);
  },
  async "any Unicode is signed as the bytes it is"(client) {
    for (const [number, text] of cases.entries()) {
      const { rows } = await client.query(RECEIVE, signed(`evt_node_u${number}`, { note: text }));
      assert.equal(rows[0].answer.received, true, text);
    }
  },
  async "the same event again is a duplicate"(client) {
    const { rows } = await client.query(RECEIVE, signed("evt_node_text"));
    assert.equal(rows[0].answer.duplicate, true);
  },
  async "one changed byte is refused"(client) {
    const [payload, header] = signed("evt_node_forged");
    await assert.rejects(client.query(RECEIVE, [payload.replace("evt_node_forged", "evt_node_forgeD"), header]), {
      code: "28000",
    });
  },
  async "an old signature is refused"(client) {
    const payload = JSON.stringify({ ...event, id: "evt_node_old" });
    const timestamp = Math.floor(Date.now() / 1000) - 301;
    const header = webhooks.generateTestHeaderString({ payload, secret: SECRET, timestamp });
    await assert.rejects(client.query(RECEIVE, [payload, header]), { code: "28000" });
  },
  async "what we sign, Stripe's library verifies"(client) {
    const { rows } = await client.query("select * from payments.sign_test_event($1)", [
      JSON.stringify({ ...event, id: "evt_node_ours", note: cases[0] }),
    ]);
    const verified = webhooks.constructEvent(rows[0].payload, rows[0].signature, SECRET);
    assert.equal(verified.id, "evt_node_ours");
    assert.equal(verified.note, cases[0]);
  },
  async "nothing stays set for the session"(client) {
    const { rows } = await client.query("select name, setting from pg_settings where source = 'session' and name !~ '^(application_name|client_encoding|DateStyle|TimeZone|standard_conforming_strings)$'");
    assert.deepEqual(rows, []);
  },
};

(async () => {
  const client = new Client({ host, port: Number(port), database, user: "postgres" });
  await client.connect();
  let failed = 0;
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test(client);
      console.log(`ok     node: ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED node: ${name}\n       ${error.message}`);
    }
  }
  await client.end();
  process.exit(failed ? 1 : 0);
})();
