// Handles one API request: key, version, parameters, idempotency key and faults. Logs every request.

import { createHash } from "node:crypto";
import { StripeError } from "./error.mjs";
import { parseForm } from "./form.mjs";
import { PINNED_VERSION } from "./packages.mjs";
import { routeOf } from "./routes.mjs";
import { checkParams } from "./types.mjs";
import { newId } from "./world.mjs";

const KEY = /^(?:sk|rk)_(test|live)_[A-Za-z0-9_]+$/;
// API versions before this one had other names for ui_mode; see stripe-node's changelog.
const UI_MODES = { before: "2026-03-25", words: { hosted: "hosted_page", embedded: "embedded_page", custom: "elements" } };

function fault(status, code, message, type = "invalid_request_error") {
  throw new StripeError(status, { type, code, message });
}

function worldOf(worlds, headers, refusedKeys) {
  const [scheme, given] = (headers.authorization ?? "").split(" ");
  const key = scheme === "Basic" ? Buffer.from(given ?? "", "base64").toString().replace(/:$/, "") : given;
  if (!/^(Bearer|Basic)$/.test(scheme) || !given) fault(401, undefined, "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth.");
  const [, mode] = KEY.exec(key) ?? fault(401, undefined, `Invalid API Key provided: ${key.slice(0, 8)}****`);
  if (refusedKeys.has(key)) fault(401, "api_key_expired", `Expired API Key provided: ${key.slice(0, 8)}****`);
  return worlds[mode];
}

// Without a Stripe-Version header, Stripe uses the account's default version, which depends on when the account was
// created. A sale must not depend on that, so the stand-in requires the header on such requests.
function versionOf({ headers, method, path }) {
  const sells = method === "POST" && /^\/v1\/(checkout|billing_portal|subscriptions)\//.test(path);
  const version = headers["stripe-version"] || (sells ? undefined : PINNED_VERSION);
  if (!version) fault(400, undefined, "This stand-in wants this request to name its Stripe-Version.");
  if (!/^20\d\d-\d\d-\d\d(\.[a-z]+)?$/.test(version)) fault(400, undefined, `Invalid Stripe API version: ${version}`);
  return version;
}

/** Translates the parameters of an older version to the pinned version. */
function translated(params, version, type) {
  const older = version < UI_MODES.before && type === "Checkout.SessionCreateParams" && params.ui_mode in UI_MODES.words;
  return older ? { ...params, ui_mode: UI_MODES.words[params.ui_mode] } : params;
}

export class Api {
  constructor(worlds, webhooks) {
    Object.assign(this, { worlds, webhooks, log: [], faults: [], answers: new Map(), running: new Set(), refusedKeys: new Set() });
  }
  /** Returns the first fault that matches this request and has occurrences left. */
  faultFor(method, path) {
    const found = this.faults.find((one) => one.times !== 0 && (!one.method || one.method === method) && path.startsWith(one.path ?? "/v1/"));
    if (found) found.times = (found.times ?? 1) - 1;
    return found;
  }
  /** Returns {status, headers, body}, or {drop: true} to break the connection. */
  async answer({ method, path, query, body, headers, pages }) {
    const entry = { method, path, version: headers["stripe-version"], idempotency_key: headers["idempotency-key"], at: Date.now() };
    this.log.push(entry);
    const ends = this.faultFor(method, path);
    if (ends?.delay) await new Promise((done) => setTimeout(done, ends.delay));
    if (ends?.drop === "before") return this.finish(entry, { drop: true });
    if (ends?.status && !ends.executed) return this.finish(entry, this.faulty(ends));
    let answer = this.execute(entry, { method, path, query, body, headers, pages }, ends);
    if (ends?.garbage) answer = { status: 200, headers: {}, body: "<html>a proxy says hello</html>" };
    if (ends?.drop === "after") answer = { drop: true };
    return this.finish(entry, answer);
  }
  finish(entry, answer) {
    entry.status = answer.drop ? "dropped" : answer.status;
    if (answer.body?.error) entry.error = answer.body.error;
    return answer;
  }
  faulty({ status, headers = {}, error }) {
    const usual = status === 429 ? { type: "invalid_request_error", code: "rate_limit", message: "Too many requests hit the API too quickly." }
      : { type: "api_error", message: "An unknown error occurred." };
    return { status, headers: { ...headers }, body: { error: error ?? usual } };
  }
  execute(entry, request, ends) {
    const { headers, method, path } = request;
    const echoed = { "request-id": newId("req_", 14) };
    try {
      const world = worldOf(this.worlds, headers, this.refusedKeys);
      echoed["stripe-version"] = versionOf(request);
      const key = method === "POST" && headers["idempotency-key"];
      if (!key) return this.run(entry, world, request, echoed, ends);
      if (key.length > 255) fault(400, undefined, "Idempotency keys can only be up to 255 characters in length.", "idempotency_error");
      echoed["idempotency-key"] = key;
      return this.once(`${world.account.id} ${key}`, key, () => this.run(entry, world, request, echoed, ends), createHash("sha256").update(`${method} ${path} ${request.body}`).digest("hex"));
    } catch (error) {
      if (!(error instanceof StripeError)) throw error;
      return { status: error.status, headers: echoed, body: error.body };
    }
  }
  /** Repeats the first response to the same key and parameters. A refusal before execution is not stored. */
  once(place, key, run, hash) {
    const known = this.answers.get(place);
    if (known && known.hash !== hash) {
      fault(400, undefined, `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`, "idempotency_error");
    }
    if (known) return { ...known.answer, headers: { ...known.answer.headers, "idempotent-replayed": "true", "original-request": known.answer.headers["request-id"] } };
    const answer = run();
    this.answers.set(place, { hash, answer: structuredClone(answer), at: Date.now() });
    return answer;
  }
  run(entry, world, { method, path, query, body, headers, pages }, echoed, ends) {
    const { act, ids, file, type } = routeOf(method, path);
    const raw = parseForm(method === "POST" ? body : query);
    const version = echoed["stripe-version"];
    const params = checkParams(file, type, translated(raw, version, type));
    Object.assign(entry, { file, type, params, mode: world.livemode ? "live" : "test", pinned: version === PINNED_VERSION });
    if (type === "Checkout.SessionCreateParams") entry.ui_mode = raw.ui_mode;
    world.cause = method === "POST" ? { id: echoed["request-id"], idempotency_key: headers["idempotency-key"] ?? null } : undefined;
    const object = structuredClone(act({ world, params, ids, pages, webhooks: this.webhooks }));
    world.cause = undefined;
    if (type === "Checkout.SessionCreateParams" && entry.ui_mode) object.ui_mode = entry.ui_mode;
    if (ends?.status && ends.executed) {
      const { status, headers: more, body: error } = this.faulty(ends);
      return { status, headers: { ...echoed, ...more }, body: error };
    }
    return { status: 200, headers: echoed, body: object };
  }
}
