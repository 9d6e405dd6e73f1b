//! Credit notes. Source: <https://docs.stripe.com/api/credit_notes/object>.

use serde::{Deserialize, Serialize};

use super::{Unreadable, or_default, read, reference};

/// A credit note, as far as a payment needs it.
///
/// If it lowers an unpaid invoice, the invoice has the new amount. If it refunds, the refund is an object of its own.
/// So only money counts here that went back in another way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreditNote {
    /// `cn_…`.
    pub id: String,
    /// `in_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub invoice: Option<String>,
    /// `cus_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub customer: Option<String>,
    /// `issued` or `void`.
    pub status: String,
    /// In minor units of `currency`, with tax.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub amount: Option<i64>,
    /// Lower-case ISO code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub currency: Option<String>,
    /// The part that went to the customer's balance, in minor units.
    #[serde(default)]
    pub to_balance: i64,
    /// The part that was returned outside of Stripe, in minor units.
    #[serde(default)]
    pub out_of_band: i64,
    /// `re_…`: a refund that is included in `to_balance`, because the credit note does not say how much it was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refund: Option<String>,
    /// Why the seller gave it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// When Stripe made it, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub created: Option<i64>,
}

/// A refund of a credit note. If it is of a payment record, the money was returned outside of Stripe.
#[derive(Deserialize)]
struct NoteRefund {
    amount_refunded: Option<i64>,
    #[serde(rename = "type")]
    refund_type: Option<String>,
}

#[derive(Deserialize)]
struct RawCreditNote {
    id: String,
    #[serde(default, deserialize_with = "reference")]
    invoice: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    customer: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    customer_balance_transaction: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    refund: Option<String>,
    refunds: Option<Vec<NoteRefund>>,
    status: Option<String>,
    #[serde(rename = "type")]
    note_type: Option<String>,
    amount: Option<i64>,
    post_payment_amount: Option<i64>,
    #[serde(default, deserialize_with = "or_default")]
    out_of_band_amount: i64,
    currency: Option<String>,
    reason: Option<String>,
    created: Option<i64>,
}

impl RawCreditNote {
    /// The amount that went to the balance, the amount that was returned outside of Stripe, and a refund that is
    /// included in the first.
    fn returned(&self) -> (i64, i64, Option<String>) {
        let of_type = if self.note_type.as_deref() == Some("pre_payment") { None } else { self.amount };
        let returned = self.post_payment_amount.or(of_type).unwrap_or(0);
        let sum = |recorded: bool| -> i64 {
            let is_recorded = |one: &&NoteRefund| one.refund_type.as_deref() == Some("payment_record_refund");
            let refunds = self.refunds.iter().flatten().filter(|one| is_recorded(one) == recorded);
            refunds.filter_map(|one| one.amount_refunded).fold(0, i64::saturating_add)
        };
        let out_of_band = self.out_of_band_amount.saturating_add(sum(true));
        let rest = returned.saturating_sub(out_of_band).saturating_sub(sum(false)).max(0);
        // Until 2025 there was one refund, without its amount.
        let refund = self.refund.clone().filter(|_| self.refunds.as_ref().is_none_or(Vec::is_empty));
        match (&self.customer_balance_transaction, refund) {
            (Some(_), refund) => (rest, out_of_band, refund),
            (None, Some(_)) => (0, out_of_band, None),
            (None, None) => (0, out_of_band.saturating_add(rest), None),
        }
    }
}

impl CreditNote {
    /// Whether it was voided.
    #[must_use]
    pub fn is_void(&self) -> bool {
        self.status == "void"
    }

    /// Reads a credit note's JSON text.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let raw: RawCreditNote = read("credit note", text)?;
        let (to_balance, out_of_band, refund) = raw.returned();
        Ok(Self {
            id: raw.id,
            invoice: raw.invoice,
            customer: raw.customer,
            status: raw.status.unwrap_or_default(),
            amount: raw.amount,
            currency: raw.currency,
            to_balance,
            out_of_band,
            refund,
            reason: raw.reason,
            created: raw.created,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn returned(more: &str) -> (i64, i64, Option<String>) {
        let note = CreditNote::read(&format!(r#"{{"id":"cn","invoice":"in","status":"issued","amount":900{more}}}"#));
        note.map(|note| (note.to_balance, note.out_of_band, note.refund)).unwrap()
    }

    #[test]
    fn what_no_refund_returned_went_to_the_balance_or_out_of_band() {
        let refund = r#","refunds":[{"amount_refunded":300,"refund":"re","type":"refund"}]"#;
        let paid = r#","type":"post_payment","post_payment_amount":900"#;
        let balance = r#","customer_balance_transaction":"cbtxn""#;
        assert_eq!(returned(r#","type":"pre_payment","pre_payment_amount":900,"post_payment_amount":0"#), (0, 0, None));
        assert_eq!(returned(r#","type":"pre_payment""#), (0, 0, None));
        assert_eq!(returned(&format!("{paid}{balance}")), (900, 0, None));
        assert_eq!(returned(&format!("{paid}{balance}{refund}")), (600, 0, None));
        assert_eq!(returned(&format!(r#"{paid}{balance}{refund},"out_of_band_amount":100"#)), (500, 100, None));
        assert_eq!(returned(r#","type":"mixed","pre_payment_amount":500,"post_payment_amount":400"#), (0, 400, None));
        let recorded = r#","refunds":[{"amount_refunded":900,"refund":null,"type":"payment_record_refund"}]"#;
        assert_eq!(returned(&format!("{paid}{recorded}")), (0, 900, None));
        let whole = r#","refunds":[{"amount_refunded":900,"refund":"re"}]"#;
        assert_eq!(returned(&format!("{paid}{whole}")), (0, 0, None));
    }

    #[test]
    fn the_shape_until_2025_names_one_refund() {
        let paid = r#","type":"post_payment","out_of_band_amount":null"#;
        assert_eq!(returned(&format!(r#"{paid},"refund":"re""#)), (0, 0, None));
        let both = format!(r#"{paid},"refund":"re","customer_balance_transaction":{{"id":"cbtxn"}}"#);
        assert_eq!(returned(&both), (900, 0, Some("re".to_owned())));
    }
}
