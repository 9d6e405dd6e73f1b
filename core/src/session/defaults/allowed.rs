//! What an admin may say once for all checkouts: each parameter of Stripe's, and what its value may be.
//!
//! Not in the list, at any level: what the session itself says (mode, line items, subject, URLs), metadata, and whose money it is
//! (`on_behalf_of`, transfers, fees, the account that is liable for tax).
//!
//! Source: <https://docs.stripe.com/api/checkout/sessions/create>.

use super::words::{COUNTRIES, EXCLUDABLE_PAYMENT_METHODS, LOCALES, PAYMENT_METHODS, UI_MODES};

/// What a value may be.
pub(super) enum Kind {
    /// True or false.
    Flag,
    /// One of these words, which are separated by spaces.
    Word(&'static str),
    /// A text of so many characters at most.
    Text(usize),
    /// A text of so many letters and digits at most.
    Plain(usize),
    /// What a card's statement shows after the account's own name, of so many characters at most.
    Statement(usize),
    /// An id of Stripe's; the prefix that it begins with. An empty one: any id, since an account chooses those of its coupons.
    Id(&'static str),
    /// A currency, in lower case.
    Currency,
    /// A whole number in this range.
    Number(i64, i64),
    /// An interval in this range, in seconds.
    Interval(i64, i64),
    /// Between one and so many values, no two of them equal.
    List(usize, &'static Self),
    /// Between one and so many objects, no two of them with the same value of this field.
    Distinct(usize, &'static str, &'static Self),
    /// An object with these fields.
    Object(&'static [Field]),
    /// An object with these fields that must fit together: see `custom_field.rs`.
    CustomField(&'static [Field]),
    /// An object with exactly one of these fields.
    OneOf(&'static [Field]),
    /// An object whose keys are currencies.
    ByCurrency(&'static Self),
}

/// A field of an object.
pub(super) struct Field {
    /// Its name at Stripe's.
    pub(super) name: &'static str,
    /// Its value.
    pub(super) kind: Kind,
    /// Whether Stripe needs it.
    pub(super) required: bool,
}

const fn may(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: false }
}

const fn must(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: true }
}

/// What can be turned on and no more.
const ENABLED: Kind = Kind::Object(&[must("enabled", Kind::Flag)]);
const MESSAGE: Kind = Kind::Object(&[must("message", Kind::Text(1200))]);
const AUTO_OR_NEVER: Kind = Kind::Word("auto never");
const TAX_BEHAVIOR: Kind = Kind::Word("exclusive inclusive unspecified");
/// An amount in the currency's smallest unit.
const AMOUNT: Kind = Kind::Number(0, 99_999_999);

/// The parameters, in the order of their names.
pub(super) const PARAMETERS: &[Field] = &[
    may("adaptive_pricing", ENABLED),
    may(
        "after_expiration",
        Kind::Object(&[must(
            "recovery",
            Kind::Object(&[may("allow_promotion_codes", Kind::Flag), must("enabled", Kind::Flag)]),
        )]),
    ),
    may("allow_promotion_codes", Kind::Flag),
    may("allowed_payment_method_types", Kind::List(100, &Kind::Word(PAYMENT_METHODS))),
    may("automatic_tax", ENABLED),
    may("billing_address_collection", Kind::Word("auto required")),
    may("consent_collection", CONSENT),
    may("custom_fields", Kind::Distinct(3, "key", &CUSTOM_FIELD)),
    may(
        "custom_text",
        Kind::Object(&[
            may("after_submit", MESSAGE),
            may("shipping_address", MESSAGE),
            may("submit", MESSAGE),
            may("terms_of_service_acceptance", MESSAGE),
        ]),
    ),
    may("customer_creation", Kind::Word("always if_required")),
    may(
        "customer_update",
        Kind::Object(&[may("address", AUTO_OR_NEVER), may("name", AUTO_OR_NEVER), may("shipping", AUTO_OR_NEVER)]),
    ),
    may(
        "discounts",
        Kind::List(1, &Kind::OneOf(&[may("coupon", Kind::Id("")), may("promotion_code", Kind::Id("promo_"))])),
    ),
    may("excluded_payment_method_types", Kind::List(100, &Kind::Word(EXCLUDABLE_PAYMENT_METHODS))),
    may("expires_after", Kind::Interval(30 * 60, 24 * 60 * 60)),
    may("invoice_creation", Kind::Object(&[must("enabled", Kind::Flag), may("invoice_data", INVOICE)])),
    may("locale", Kind::Word(LOCALES)),
    may("payment_intent_data", PAYMENT_INTENT),
    may("payment_method_collection", Kind::Word("always if_required")),
    may("payment_method_configuration", Kind::Id("pmc_")),
    may("phone_number_collection", ENABLED),
    may(
        "shipping_address_collection",
        Kind::Object(&[must("allowed_countries", Kind::List(300, &Kind::Word(COUNTRIES)))]),
    ),
    may(
        "shipping_options",
        Kind::List(
            5,
            &Kind::OneOf(&[may("shipping_rate", Kind::Id("shr_")), may("shipping_rate_data", SHIPPING_RATE)]),
        ),
    ),
    may("submit_type", Kind::Word("auto book donate pay")),
    may("subscription_data", SUBSCRIPTION),
    may(
        "tax_id_collection",
        Kind::Object(&[must("enabled", Kind::Flag), may("required", Kind::Word("if_supported never"))]),
    ),
    may("ui_mode", Kind::Word(UI_MODES)),
];

const CONSENT: Kind = Kind::Object(&[
    may("payment_method_reuse_agreement", Kind::Object(&[must("position", Kind::Word("auto hidden"))])),
    may("promotions", Kind::Word("auto none")),
    may("terms_of_service", Kind::Word("none required")),
]);

const CUSTOM_FIELD: Kind = Kind::CustomField(&[
    may(
        "dropdown",
        Kind::Object(&[
            may("default_value", Kind::Plain(100)),
            must(
                "options",
                Kind::Distinct(
                    200,
                    "value",
                    &Kind::Object(&[must("label", Kind::Text(100)), must("value", Kind::Plain(100))]),
                ),
            ),
        ]),
    ),
    must("key", Kind::Plain(200)),
    must("label", Kind::Object(&[must("custom", Kind::Text(100)), must("type", Kind::Word("custom"))])),
    may("numeric", LENGTHS),
    may("optional", Kind::Flag),
    may("text", LENGTHS),
    must("type", Kind::Word("dropdown numeric text")),
]);

const LENGTHS: Kind = Kind::Object(&[
    may("default_value", Kind::Text(255)),
    may("maximum_length", Kind::Number(1, 255)),
    may("minimum_length", Kind::Number(1, 255)),
]);

const INVOICE: Kind = Kind::Object(&[
    may("account_tax_ids", Kind::List(25, &Kind::Id("atxi_"))),
    may("custom_fields", Kind::List(4, &Kind::Object(&[must("name", Kind::Text(40)), must("value", Kind::Text(140))]))),
    may("description", Kind::Text(1500)),
    may("footer", Kind::Text(5000)),
    may(
        "rendering_options",
        Kind::Object(&[
            may("amount_tax_display", Kind::Word("exclude_tax include_inclusive_tax")),
            may("template", Kind::Id("inrtem_")),
        ]),
    ),
]);

const PAYMENT_INTENT: Kind = Kind::Object(&[
    may("capture_method", Kind::Word("automatic automatic_async manual")),
    may("setup_future_usage", Kind::Word("off_session on_session")),
    may("statement_descriptor_suffix", Kind::Statement(22)),
]);

const DELIVERY: Kind = Kind::Object(&[
    must("unit", Kind::Word("business_day day hour month week")),
    must("value", Kind::Number(1, 10_000)),
]);

const SHIPPING_RATE: Kind = Kind::Object(&[
    may("delivery_estimate", Kind::Object(&[may("maximum", DELIVERY), may("minimum", DELIVERY)])),
    must("display_name", Kind::Text(100)),
    must(
        "fixed_amount",
        Kind::Object(&[
            must("amount", AMOUNT),
            must("currency", Kind::Currency),
            may(
                "currency_options",
                Kind::ByCurrency(&Kind::Object(&[must("amount", AMOUNT), may("tax_behavior", TAX_BEHAVIOR)])),
            ),
        ]),
    ),
    may("tax_behavior", TAX_BEHAVIOR),
    may("tax_code", Kind::Id("txcd_")),
    may("type", Kind::Word("fixed_amount")),
]);

const SUBSCRIPTION: Kind = Kind::Object(&[
    may(
        "billing_mode",
        Kind::Object(&[
            may("flexible", Kind::Object(&[may("proration_discounts", Kind::Word("included itemized"))])),
            must("type", Kind::Word("classic flexible")),
        ]),
    ),
    may("description", Kind::Text(500)),
    may("trial_period_days", Kind::Number(1, 730)),
    may(
        "trial_settings",
        Kind::Object(&[must(
            "end_behavior",
            Kind::Object(&[must("missing_payment_method", Kind::Word("cancel create_invoice pause"))]),
        )]),
    ),
]);
