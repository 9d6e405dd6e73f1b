// Creates Stripe's objects with every attribute that stripe-node's types require for the pinned API version.

const NO_ADDRESS = { city: null, country: "US", line1: null, line2: null, postal_code: "94107", state: null };
const NO_TAX = { disabled_reason: null, enabled: false, liability: null };

export const list = (url, data) => ({ object: "list", data, has_more: false, url });

export const account = (id, livemode) => ({
  id, object: "account", business_profile: { mcc: null, name: "Made-up Books", support_url: null, url: null }, business_type: "company",
  capabilities: { card_payments: "active", transfers: "active" }, charges_enabled: true, controller: { type: "account" }, country: "US",
  default_currency: "usd", details_submitted: true, email: "owner@shop.example", external_accounts: list(`/v1/accounts/${id}/external_accounts`, []),
  metadata: {}, payouts_enabled: livemode, settings: { dashboard: { display_name: "Made-up Books", timezone: "Etc/UTC" } }, type: "standard",
});

export const product = (base, { name, description = null, metadata = {}, default_price = null }) => ({
  ...base, object: "product", active: true, default_price, description, images: [], marketing_features: [], metadata,
  name, package_dimensions: null, shippable: null, statement_descriptor: null, tax_code: null, tax_details: null, type: "service", unit_label: null, updated: base.created, url: null,
});

export const price = (base, { product, unit_amount, currency, recurring, lookup_key = null, metadata = {}, nickname = null, tax_behavior = "unspecified" }) => ({
  ...base, object: "price", active: true, billing_scheme: "per_unit", currency, custom_unit_amount: null, lookup_key, metadata, nickname, product,
  recurring: recurring ? { interval: recurring.interval, interval_count: recurring.interval_count ?? 1, meter: null, trial_period_days: null, usage_type: "licensed" } : null,
  tax_behavior, tiers_mode: null, transform_quantity: null, type: recurring ? "recurring" : "one_time", unit_amount, unit_amount_decimal: String(unit_amount),
});

const plan = (price) => ({
  id: price.id, object: "plan", active: true, amount: price.unit_amount, amount_decimal: price.unit_amount_decimal, billing_scheme: "per_unit",
  created: price.created, currency: price.currency, interval: price.recurring.interval, interval_count: price.recurring.interval_count,
  livemode: price.livemode, metadata: {}, meter: null, nickname: null, product: price.product, tiers_mode: null, transform_usage: null,
  trial_period_days: null, usage_type: "licensed",
});

export const customer = (base, { email = null, name = null, metadata = {} }) => ({
  ...base, object: "customer", address: NO_ADDRESS, balance: 0, currency: null, customer_account: null, default_source: null, delinquent: false, description: null,
  discount: null, email, invoice_prefix: base.id.slice(-8).toUpperCase(),
  invoice_settings: { custom_fields: null, default_payment_method: null, footer: null, rendering_options: null },
  metadata, name, next_invoice_sequence: 1, phone: null, preferred_locales: ["en-US"], shipping: null, tax_exempt: "none", test_clock: null,
});

const CARD = {
  brand: "visa", checks: { address_line1_check: null, address_postal_code_check: "pass", cvc_check: "pass" }, country: "US", exp_month: 5, exp_year: 2031,
  fingerprint: "HAKdyqJ9xh2YhbzT", funding: "credit", last4: "4242", regulated_status: "unregulated", wallet: null,
};

const billing = (email) => ({ address: NO_ADDRESS, email, name: "Jenny Rosen", phone: null, tax_id: null });

export const paymentMethod = (base, { customer, email }) => ({
  ...base, object: "payment_method", allow_redisplay: "limited", billing_details: billing(email), customer, customer_account: null, metadata: {}, type: "card",
  card: { ...CARD, display_brand: "visa", generated_from: null, networks: { available: ["visa"], preferred: null }, three_d_secure_usage: { supported: true } },
});

export const paymentIntent = (base, { amount, currency, customer, metadata = {}, more = {} }) => ({
  ...base, object: "payment_intent", allowed_payment_method_types: null, amount, amount_capturable: 0, amount_details: { tip: {} }, amount_received: 0,
  application: null, application_fee_amount: null, automatic_payment_methods: null, canceled_at: null, cancellation_reason: null,
  capture_method: "automatic_async", client_secret: `${base.id}_secret_${base.id.slice(-8)}`, confirmation_method: "automatic", currency, customer,
  customer_account: null, description: null, excluded_payment_method_types: null, last_payment_error: null, latest_charge: null, managed_payments: null,
  metadata, next_action: null, on_behalf_of: null, payment_method: null, payment_method_configuration_details: null,
  payment_method_options: { card: { installments: null, mandate_options: null, network: null, request_three_d_secure: "automatic" } },
  payment_method_types: ["card"], payment_record: null, processing: null, receipt_email: null, review: null, setup_future_usage: null, shipping: null,
  source: null, statement_descriptor: null, statement_descriptor_suffix: null, status: "requires_payment_method", transfer_data: null, transfer_group: null, ...more,
});

export const charge = (base, { intent, paymentMethod, email, captured = true, failure }) => ({
  ...base, object: "charge", amount: intent.amount, amount_captured: captured && !failure ? intent.amount : 0, amount_refunded: 0, application: null,
  application_fee: null, application_fee_amount: null, balance_transaction: null, billing_details: billing(email),
  calculated_statement_descriptor: "MADE-UP BOOKS", captured: captured && !failure, currency: intent.currency, customer: intent.customer,
  description: null, disputed: false, failure_balance_transaction: null, failure_code: failure?.code ?? null,
  failure_message: failure?.message ?? null, fraud_details: {}, metadata: intent.metadata, on_behalf_of: null,
  outcome: {
    advice_code: null, network_advice_code: null, network_decline_code: failure ? "05" : null,
    network_status: failure ? "declined_by_network" : "approved_by_network", reason: failure ? "generic_decline" : null, risk_level: "normal", risk_score: 9,
    seller_message: failure ? "The bank did not return any further details with this decline." : "Payment complete.", type: failure ? "issuer_declined" : "authorized",
  },
  paid: !failure, payment_intent: intent.id, payment_method: paymentMethod,
  payment_method_details: {
    card: {
      ...CARD, amount_authorized: intent.amount, authorization_code: null, electronic_commerce_indicator: null, extended_authorization: { status: "disabled" },
      incremental_authorization: { status: "unavailable" }, installments: null, mandate: null, multicapture: { status: "unavailable" }, network: "visa",
      network_token: { used: false }, network_transaction_id: "726575100121113",
      overcapture: { maximum_amount_capturable: intent.amount, status: "unavailable" }, three_d_secure: null, transaction_link_id: null,
    },
    type: "card",
  },
  radar_options: {}, receipt_email: null, receipt_number: null, receipt_url: `https://pay.stripe.com/receipts/payment/${base.id}`, refunded: false, review: null,
  shipping: null, source: null, source_transfer: null, statement_descriptor: null, statement_descriptor_suffix: null,
  status: failure ? "failed" : "succeeded", transfer_data: null, transfer_group: null,
});

export const refund = (base, { charge, amount, reason = null, metadata = {} }) => ({
  ...base, livemode: undefined, object: "refund", amount, balance_transaction: null, charge: charge.id, currency: charge.currency, customer: charge.customer,
  customer_account: null, destination_details: { card: { reference_status: "pending", reference_type: "acquirer_reference_number", type: "refund" }, type: "card" },
  metadata, payment_intent: charge.payment_intent, payment_method: charge.payment_method, reason, receipt_number: null, source_transfer_reversal: null,
  status: "succeeded", transfer_reversal: null,
});

const EVIDENCE = ["access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure", "cancellation_rebuttal",
  "customer_communication", "customer_email_address", "customer_name", "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation",
  "duplicate_charge_explanation", "duplicate_charge_id", "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
  "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address", "shipping_carrier", "shipping_date", "shipping_documentation",
  "shipping_tracking_number", "uncategorized_file", "uncategorized_text"];

export const dispute = (base, { charge, status }) => ({
  ...base, object: "dispute", amount: charge.amount, balance_transactions: [], charge: charge.id, currency: charge.currency, enhanced_eligibility_types: [],
  evidence: { ...Object.fromEntries(EVIDENCE.map((name) => [name, null])), enhanced_evidence: {} },
  evidence_details: { due_by: base.created + 1209600, enhanced_eligibility: {}, has_evidence: false, past_due: false, submission_count: 0, submission_method: "manual" },
  intended_submission_method: null, is_charge_refundable: false, metadata: {}, payment_intent: charge.payment_intent, reason: "fraudulent", status,
});

export const checkoutItem = (id, price, quantity, description) => ({
  id, object: "item", adjustable_quantity: null, amount_discount: 0, amount_subtotal: price.unit_amount * quantity, amount_tax: 0,
  amount_total: price.unit_amount * quantity, currency: price.currency, description, metadata: {}, price, quantity,
});

export const checkoutSession = (base, params, { amount, currency, url, client_secret, livemode }) => ({
  ...base, object: "checkout.session", adaptive_pricing: params.adaptive_pricing ? { enabled: params.adaptive_pricing.enabled ?? true } : { enabled: false },
  after_expiration: params.after_expiration ? { recovery: { allow_promotion_codes: false, enabled: true, expires_at: null, url: null } } : null,
  allow_promotion_codes: params.allow_promotion_codes ?? null, allowed_payment_method_types: params.allowed_payment_method_types ?? null,
  amount_subtotal: amount, amount_total: amount,
  automatic_tax: { enabled: params.automatic_tax?.enabled ?? false, liability: null, provider: null, status: null },
  billing_address_collection: params.billing_address_collection ?? null, cancel_url: params.cancel_url ?? null,
  client_reference_id: params.client_reference_id ?? null, client_secret, collected_information: null, consent: null,
  consent_collection: null, currency, currency_conversion: null, custom_fields: [],
  custom_text: { after_submit: null, shipping_address: null, submit: null, terms_of_service_acceptance: null },
  customer: params.customer ?? null, customer_account: null,
  customer_creation: params.customer ? null : params.mode === "payment" ? params.customer_creation ?? "if_required" : "always",
  customer_details: params.customer_email ? { address: null, business_name: null, email: params.customer_email, individual_name: null, name: null, phone: null, tax_exempt: "none", tax_ids: null } : null,
  customer_email: params.customer_email ?? null, discounts: [], expires_at: params.expires_at ?? base.created + 86400, integration_identifier: null, invoice: null,
  invoice_creation: params.mode === "payment"
    ? { enabled: params.invoice_creation?.enabled ?? false, invoice_data: { account_tax_ids: null, custom_fields: null, description: null, footer: null, issuer: null, metadata: {}, rendering_options: null } }
    : null,
  livemode, locale: params.locale ?? null, managed_payments: null, metadata: params.metadata ?? {}, mode: params.mode, origin_context: null,
  payment_intent: null, payment_link: null, payment_method_collection: params.payment_method_collection ?? (params.mode === "payment" ? "if_required" : "always"),
  payment_method_configuration_details: { id: "pmc_1FakeDefault", parent: null }, payment_method_options: { card: { request_three_d_secure: "automatic" } },
  payment_method_types: ["card"], payment_status: "unpaid", permissions: null, phone_number_collection: { enabled: params.phone_number_collection?.enabled ?? false },
  recovered_from: null, ...(params.return_url && { return_url: params.return_url, redirect_on_completion: params.redirect_on_completion ?? "always" }),
  saved_payment_method_options: null, setup_intent: null, shipping_address_collection: params.shipping_address_collection ?? null, shipping_cost: null,
  shipping_options: [], status: "open", submit_type: params.submit_type ?? null, subscription: null, success_url: params.success_url ?? null,
  total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 }, ui_mode: params.ui_mode ?? "hosted_page", url, wallet_options: null,
});

export const portalSession = (base, params, url) => ({
  ...base, object: "billing_portal.session", configuration: params.configuration ?? "bpc_1FakeDefault", customer: params.customer, customer_account: null,
  flow: null, locale: params.locale ?? null, on_behalf_of: null, return_url: params.return_url ?? null, url,
});

export const subscriptionItem = (base, { price, quantity, subscription, start, end }) => ({
  id: base.id, object: "subscription_item", billing_thresholds: null, created: base.created, current_period_end: end, current_period_start: start,
  current_trial: null, discounts: [], metadata: {}, plan: plan(price), price, quantity, subscription, tax_rates: [],
});

export const subscription = (base, { customer, items, metadata, paymentMethod, description = null, trialEnd = null, status }) => ({
  ...base, object: "subscription", application: null, application_fee_percent: null, automatic_tax: NO_TAX, billing_cycle_anchor: trialEnd ?? base.created,
  billing_cycle_anchor_config: null, billing_mode: { flexible: { proration_discounts: "included" }, type: "flexible", updated_at: base.created }, billing_schedules: [],
  billing_thresholds: null, cancel_at: null, cancel_at_period_end: false, canceled_at: null,
  cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: null }, collection_method: "charge_automatically", currency: items[0].price.currency,
  customer, customer_account: null, days_until_due: null, default_payment_method: paymentMethod, default_source: null, default_tax_rates: [], description,
  discounts: [], ended_at: null, invoice_settings: { account_tax_ids: null, custom_fields: null, description: null, footer: null, issuer: { type: "self" } },
  items: list(`/v1/subscription_items?subscription=${base.id}`, items), latest_invoice: null, managed_payments: null, metadata,
  next_pending_invoice_item_invoice: null, on_behalf_of: null, pause_collection: null,
  payment_settings: { payment_method_options: null, payment_method_types: null, save_default_payment_method: "off" }, pending_invoice_item_interval: null,
  pending_setup_intent: null, pending_update: null, schedule: null, start_date: base.created, status, test_clock: null, transfer_data: null, trial_end: trialEnd,
  trial_settings: { end_behavior: { billing_cycle_anchor: null, missing_payment_method: "create_invoice" } }, trial_start: trialEnd ? base.created : null,
});

export const invoiceLine = (id, { invoice, amount, description, price, quantity, period, item, subscription, livemode, metadata = {} }) => ({
  id, object: "line_item", amount, currency: price.currency, description, discount_amounts: [], discountable: true, discounts: [], invoice, livemode, metadata,
  parent: item
    ? { invoice_item_details: null, subscription_item_details: { invoice_item: null, proration: false, proration_details: { credited_items: null }, subscription, subscription_item: item }, type: "subscription_item_details" }
    : { invoice_item_details: { invoice_item: `ii_${id.slice(3)}`, proration: false, proration_details: { credited_items: null }, subscription: subscription ?? null }, subscription_item_details: null, type: "invoice_item_details" },
  period, pretax_credit_amounts: [],
  pricing: { price_details: { price: price.id, product: price.product }, type: "price_details", unit_amount_decimal: price.unit_amount_decimal },
  quantity, quantity_decimal: String(quantity), subscription: subscription ?? null, subtotal: amount, taxes: [],
});

export const invoice = (base, { customer, email, lines, subscription, metadata = {}, reason, number, currency, start, end }) => {
  const total = lines.reduce((sum, line) => sum + line.amount, 0);
  return {
    ...base, object: "invoice", account_country: "US", account_name: "Made-up Books", account_tax_ids: null, amount_due: total, amount_overpaid: 0, amount_paid: 0,
    amount_remaining: total, amount_shipping: 0, application: null, attempt_count: 0, attempted: false, auto_advance: false,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null, provider: null, status: null }, automatically_finalizes_at: null,
    billing_reason: reason, collection_method: "charge_automatically", currency, custom_fields: null, customer, customer_account: null,
    customer_address: NO_ADDRESS, customer_email: email, customer_name: "Jenny Rosen", customer_phone: null, customer_shipping: null, customer_tax_exempt: "none",
    customer_tax_ids: [], default_payment_method: null, default_source: null, default_tax_rates: [], description: null, discounts: [], due_date: null,
    effective_at: base.created, ending_balance: 0, footer: null, from_invoice: null, hosted_invoice_url: `https://invoice.stripe.com/i/acct_1FakeShop/${base.id}`,
    invoice_pdf: `https://pay.stripe.com/invoice/acct_1FakeShop/${base.id}/pdf`, issuer: { type: "self" }, last_finalization_error: null, latest_revision: null,
    lines: list(`/v1/invoices/${base.id}/lines`, lines), metadata: {}, next_payment_attempt: null, number, on_behalf_of: null,
    parent: subscription ? { quote_details: null, subscription_details: { metadata, subscription }, type: "subscription_details" } : null,
    payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: null }, period_end: end, period_start: start,
    post_payment_credit_notes_amount: 0, pre_payment_credit_notes_amount: 0, receipt_number: null, rendering: null, shipping_cost: null, shipping_details: null,
    starting_balance: 0, statement_descriptor: null, status: "open",
    status_transitions: { finalized_at: base.created, marked_uncollectible_at: null, paid_at: null, voided_at: null }, subtotal: total, subtotal_excluding_tax: total,
    test_clock: null, total, total_discount_amounts: [], total_excluding_tax: total, total_pretax_credit_amounts: [], total_taxes: [], webhooks_delivered_at: base.created,
  };
};

export const invoicePayment = (base, { invoice, intent }) => ({
  ...base, object: "invoice_payment", amount_paid: invoice.total, amount_requested: invoice.total, currency: invoice.currency, invoice: invoice.id, is_default: true,
  payment: { payment_intent: intent, type: "payment_intent" }, status: "paid", status_transitions: { canceled_at: null, paid_at: base.created },
});

export const webhookEndpoint = (base, params) => ({
  ...base, object: "webhook_endpoint", api_version: params.api_version ?? null, application: null, description: params.description || null,
  enabled_events: params.enabled_events, metadata: params.metadata || {}, status: "enabled", url: params.url,
});

export const event = (base, type, object, { version, previous, request }) => ({
  ...base, object: "event", api_version: version, data: { object, ...(previous && { previous_attributes: previous }) }, pending_webhooks: 0,
  request: request ?? { id: null, idempotency_key: null }, type,
});
