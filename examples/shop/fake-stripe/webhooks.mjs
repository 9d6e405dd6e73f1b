// Posts signed events to the registered endpoints. The knobs set the order, the repetitions and the delays.

import { newId } from "./world.mjs";
import { webhookSignatures } from "./packages.mjs";

const wants = (endpoint, type) => endpoint.status === "enabled" && (endpoint.enabled_events.includes("*") || endpoint.enabled_events.includes(type));

export class Webhooks {
  constructor() {
    this.secrets = new Map(); // endpoint id → its signing secret
    this.knobs = { delay: [0, 0], repeat: 1, shuffle: false, hold: false, lose: 0, retry_after: 300, attempts: 12 };
    this.held = [];
    this.waiting = 0;
    this.log = []; // every delivery: event, type, endpoint, status, attempt
  }
  newSecret(endpoint) {
    this.secrets.set(endpoint.id, newId("whsec_", 32));
    return this.secrets.get(endpoint.id);
  }
  watch(world) {
    world.watchers.push((event) => {
      for (const endpoint of world.all("webhook_endpoint").values()) {
        if (!wants(endpoint, event.type)) continue;
        event.pending_webhooks += 1;
        if (Math.random() < this.knobs.lose) continue; // this event is only in /v1/events
        if (this.knobs.hold) this.held.push({ event, endpoint });
        else this.schedule({ event, endpoint });
      }
    });
  }
  /** Delivers the held events, shuffled and repeated as the knobs say. Returns how many they were. */
  release() {
    const held = this.held.splice(0);
    if (this.knobs.shuffle) held.sort(() => Math.random() - 0.5);
    for (const one of held) this.schedule(one);
    return held.length;
  }
  schedule({ event, endpoint }) {
    const [least, most] = this.knobs.delay;
    const spread = this.knobs.shuffle ? 400 : 0;
    for (let copy = 0; copy < this.knobs.repeat; copy += 1) {
      this.later(least + Math.random() * (most - least + spread), () => this.post(event, endpoint, 1));
    }
  }
  later(milliseconds, action) {
    this.waiting += 1;
    setTimeout(() => Promise.resolve(action()).finally(() => (this.waiting -= 1)), milliseconds);
  }
  async post(event, endpoint, attempt) {
    if (endpoint.deleted || endpoint.status !== "enabled") return;
    // Stripe renders an event in the API version of its endpoint. The stand-in always renders the same, and only names the version.
    const payload = JSON.stringify({ ...event, api_version: endpoint.api_version ?? event.api_version }, null, 2);
    const signature = webhookSignatures.generateTestHeaderString({ payload, secret: this.secrets.get(endpoint.id) });
    let status;
    try {
      const answer = await fetch(endpoint.url, {
        method: "POST", body: payload, redirect: "manual", signal: AbortSignal.timeout(20_000),
        headers: { "content-type": "application/json; charset=utf-8", "stripe-signature": signature, "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)" },
      });
      status = answer.status;
      await answer.text();
    } catch (error) {
      status = error.cause?.code ?? error.name;
    }
    this.log.push({ event: event.id, type: event.type, endpoint: endpoint.id, status, attempt });
    if (status >= 200 && status < 300) event.pending_webhooks = Math.max(0, event.pending_webhooks - 1);
    else if (attempt < this.knobs.attempts) this.later(Math.min(this.knobs.retry_after * 2 ** (attempt - 1), 30_000), () => this.post(event, endpoint, attempt + 1));
  }
}
