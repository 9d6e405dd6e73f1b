// Stripe's error responses: https://docs.stripe.com/api/errors.

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

/** Throws the error for an unknown id. Stripe's status is 404 if the id is in the path, and 400 if it is in a parameter. */
export function missing(kind, id, param) {
  const message = `No such ${kind}: '${id}'`;
  throw new StripeError(param ? 400 : 404, { code: "resource_missing", message, param: param ?? "id" });
}
