//! How much a session may hold.

/// The most line items of one checkout (Stripe's own limit).
pub const MAX_LINE_ITEMS: usize = 100;
/// The largest quantity of one line item (Stripe's own limit).
pub const MAX_QUANTITY: u64 = 999_999;
/// The most metadata keys (Stripe's own limit).
pub const MAX_METADATA_KEYS: usize = 50;
/// The longest metadata key, in characters (Stripe's own limit).
pub const MAX_METADATA_KEY: usize = 40;
/// The longest metadata value, in characters (Stripe's own limit).
pub const MAX_METADATA_VALUE: usize = 500;
/// The longest idempotency key, in characters.
pub const MAX_KEY: usize = 200;
/// The longest subject type, subject id or portal configuration, in characters.
pub const MAX_NAME: usize = 255;
/// The longest URL, in characters (Stripe's own limit).
pub const MAX_URL: usize = 5_000;
