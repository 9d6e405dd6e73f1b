// Stripe's answer to a request that it refuses: https://docs.stripe.com/api/errors.

export class StripeError extends Error {
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.body = { error: { type: "invalid_request_error", ...error } };
  }
}

export function refuse(message, param, code) {
  throw new StripeError(400, { message, ...(param && { param }), ...(code && { code }) });
}

/** Stripe answers 404 for an id in the path, and 400 for one in a parameter. */
export function missing(kind, id, param) {
  const message = `No such ${kind}: '${id}'`;
  throw new StripeError(param ? 400 : 404, { code: "resource_missing", message, param: param ?? "id" });
}
