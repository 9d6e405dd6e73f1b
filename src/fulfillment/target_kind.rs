//! What the app's tables are for.

/// What a table is for; the `kind` of an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TargetKind {
    CreditLedger,
    UserEntitlements,
    Orders,
    FulfillmentJobs,
    BillingStatus,
    /// No table of the app's: subscriptions whose money went back, which a person looks at.
    Subscriptions,
}

/// What one payment can give, in the order in which it is written.
pub(super) const PAID_FOR: [TargetKind; 4] =
    [TargetKind::CreditLedger, TargetKind::UserEntitlements, TargetKind::Orders, TargetKind::FulfillmentJobs];

impl TargetKind {
    /// Its name in SQL.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::CreditLedger => "credit_ledger",
            Self::UserEntitlements => "user_entitlements",
            Self::BillingStatus => "billing_status",
            Self::FulfillmentJobs => "fulfillment_jobs",
            Self::Subscriptions => "subscriptions",
        }
    }

    /// The kind of that name, of those that a payment gives.
    pub(super) fn named(name: &str) -> Option<Self> {
        PAID_FOR.into_iter().find(|kind| kind.name() == name)
    }
}
