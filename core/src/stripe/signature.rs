//! `Stripe-Signature`: whether a body comes from Stripe, and whether it is recent.
//!
//! Source: <https://docs.stripe.com/webhooks#verify-manually>. The signed bytes are `<t>.<body>`, the algorithm is
//! HMAC-SHA-256 and the key is the whole `whsec_…` string.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use thiserror::Error;

/// The longest header that is read, in bytes.
pub const MAX_HEADER: usize = 4096;
/// The most `v1` values that are read.
pub const MAX_SIGNATURES: usize = 16;

/// Why a signature was refused (SQLSTATE 28000). None of these names a secret, a signature or the body.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadSignature {
    /// There is no header, or it is empty.
    #[error("webhook signature is missing")]
    Missing,
    /// The header is longer than [`MAX_HEADER`], or has more than [`MAX_SIGNATURES`] signatures.
    #[error("webhook signature header is too large")]
    TooLarge,
    /// The header is not `t=…,v1=…`, or it has more than one `t`.
    #[error("webhook signature header is malformed")]
    Malformed,
    /// No `v1` matches under any valid secret.
    #[error("webhook signature does not match")]
    NoMatch,
    /// The time stamp is further in the past than the tolerance.
    #[error("webhook signature is too old")]
    TooOld {
        /// The header's time stamp, in Unix seconds.
        timestamp: i64,
        /// How old it may be, in seconds.
        tolerance: i64,
    },
    /// The time stamp is further in the future than the tolerance.
    #[error("webhook signature is from the future")]
    FromTheFuture {
        /// The header's time stamp, in Unix seconds.
        timestamp: i64,
        /// How far ahead it may be, in seconds.
        tolerance: i64,
    },
}

/// A body and its signature header, not yet verified.
#[derive(Debug)]
pub struct Signed<'a> {
    body: &'a [u8],
    header: &'a str,
}

/// A body that a valid secret signed within the tolerance.
#[derive(Debug)]
pub struct Verified<'a> {
    body: &'a [u8],
}

impl<'a> Verified<'a> {
    /// For a body whose signature the caller has verified itself.
    #[must_use]
    pub fn by_the_caller(body: &'a [u8]) -> Self {
        Self { body }
    }

    /// The exact bytes.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }
}

impl<'a> Signed<'a> {
    /// Pairs a body with its `Stripe-Signature` header.
    #[must_use]
    pub fn new(body: &'a [u8], header: &'a str) -> Self {
        Self { body, header }
    }

    /// Verifies under any of `secrets`, at `now` (Unix seconds), with a tolerance in seconds into the past and the
    /// future.
    ///
    /// Every secret is compared with every signature in constant time, even after a match.
    ///
    /// # Errors
    /// [`BadSignature`]; it does not say which secret failed.
    pub fn verify<S: AsRef<[u8]>>(self, secrets: &[S], now: i64, tolerance: i64) -> Result<Verified<'a>, BadSignature> {
        let header = Header::parse(self.header)?;
        let mut matched = Choice::from(0);
        for secret in secrets {
            let expected = mac(secret.as_ref(), header.stamp, self.body);
            for signature in &header.signatures {
                matched |= expected.ct_eq(signature);
            }
        }
        if !bool::from(matched) {
            return Err(BadSignature::NoMatch);
        }
        let timestamp = header.timestamp;
        if now.saturating_sub(timestamp) > tolerance {
            return Err(BadSignature::TooOld { timestamp, tolerance });
        }
        if timestamp.saturating_sub(now) > tolerance {
            return Err(BadSignature::FromTheFuture { timestamp, tolerance });
        }
        Ok(Verified { body: self.body })
    }
}

/// Signs a body as Stripe does, for tests and demos. `timestamp` is in Unix seconds. Returns the value of a
/// `Stripe-Signature` header.
#[must_use]
pub fn sign(secret: &[u8], timestamp: i64, body: &[u8]) -> String {
    format!("t={timestamp},v1={}", hex::encode(mac(secret, &timestamp.to_string(), body)))
}

fn mac(secret: &[u8], stamp: &str, body: &[u8]) -> [u8; 32] {
    // HMAC takes a key of any length, so this cannot fail; an all-zero code would match nothing.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        return [0; 32];
    };
    mac.update(stamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().into()
}

struct Header<'a> {
    stamp: &'a str,
    timestamp: i64,
    signatures: Vec<[u8; 32]>,
}

impl<'a> Header<'a> {
    fn parse(header: &'a str) -> Result<Self, BadSignature> {
        if header.trim().is_empty() {
            return Err(BadSignature::Missing);
        }
        if header.len() > MAX_HEADER {
            return Err(BadSignature::TooLarge);
        }
        let mut stamp = None;
        let mut signatures = Vec::new();
        let mut counted = 0;
        // Stripe's own libraries skip empty items too, such as the one after a trailing comma.
        for item in header.split(',').filter(|item| !item.trim().is_empty()) {
            let (key, value) = item.trim().split_once('=').ok_or(BadSignature::Malformed)?;
            match key {
                "t" if stamp.is_some() => return Err(BadSignature::Malformed),
                "t" => stamp = Some(value),
                "v1" => {
                    counted += 1;
                    let mut bytes = [0; 32];
                    if hex::decode_to_slice(value, &mut bytes).is_ok() {
                        signatures.push(bytes);
                    }
                }
                _ => {}
            }
        }
        if counted > MAX_SIGNATURES {
            return Err(BadSignature::TooLarge);
        }
        let stamp = stamp.ok_or(BadSignature::Malformed)?;
        if counted == 0 || stamp.is_empty() || !stamp.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadSignature::Malformed);
        }
        let timestamp = stamp.parse().map_err(|_| BadSignature::Malformed)?;
        Ok(Self { stamp, timestamp, signatures })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "{\n  \"id\": \"evt_test_webhook\",\n  \"object\": \"event\"\n}";
    const SECRET: &str = "whsec_test_secret";

    fn header(t: i64, v1: &str) -> String {
        format!("t={t},v1={v1}")
    }

    #[test]
    fn vectors() {
        let zoe = "{\"id\":\"evt_1\",\"object\":\"event\",\"name\":\"Zoë 💳\"}";
        for (body, t, v1) in [
            (BODY, 12345, "2672d138c9a412830f3bfe2ecc5bfb3277cf6f5b49d0119d77dd6cb64da1257e"),
            (BODY, 1_700_000_000, "4f1cd7feda9826e746b7d482c4badebb657398df1099e1046364f6196a230150"),
            (zoe, 1_700_000_000, "9d0feb5fee9d4927bee400b4a60ac95e0dd53e8eacb21cf1e9e2031d7aec6907"),
        ] {
            assert_eq!(sign(SECRET.as_bytes(), t, body.as_bytes()), header(t, v1));
            let header = header(t, v1);
            assert!(Signed::new(body.as_bytes(), &header).verify(&[SECRET], t, 300).is_ok());
        }
    }

    fn error(header: &str, now: i64) -> BadSignature {
        Signed::new(BODY.as_bytes(), header).verify(&["other", SECRET], now, 300).unwrap_err()
    }

    #[test]
    fn bad_signatures() {
        let good = sign(SECRET.as_bytes(), 1000, BODY.as_bytes());
        let v1 = good.split_once("v1=").unwrap().1.to_owned();
        assert_eq!(error("", 1000), BadSignature::Missing);
        assert_eq!(error("  ", 1000), BadSignature::Missing);
        assert_eq!(error("nonsense", 1000), BadSignature::Malformed);
        assert_eq!(error(",", 1000), BadSignature::Malformed);
        assert!(Signed::new(BODY.as_bytes(), &format!("{good},")).verify(&[SECRET], 1000, 300).is_ok());
        assert_eq!(error("t=1000", 1000), BadSignature::Malformed);
        assert_eq!(error(&format!("v1={v1}"), 1000), BadSignature::Malformed);
        assert_eq!(error(&format!("t=1e3,v1={v1}"), 1000), BadSignature::Malformed);
        assert_eq!(error(&format!("t=1000,t=1000,v1={v1}"), 1000), BadSignature::Malformed);
        assert_eq!(error(&format!("t=1001,v1={v1}"), 1000), BadSignature::NoMatch);
        assert_eq!(error(&format!("t=1000,v0={v1}"), 1000), BadSignature::Malformed);
        assert_eq!(error(&format!("t=1000,v1={}", &v1[1..]), 1000), BadSignature::NoMatch);
        assert_eq!(error(&good, 1301), BadSignature::TooOld { timestamp: 1000, tolerance: 300 });
        assert_eq!(error(&good, 699), BadSignature::FromTheFuture { timestamp: 1000, tolerance: 300 });
        assert_eq!(error(&format!("{good}{}", ",v1=00".repeat(16)), 1000), BadSignature::TooLarge);
        assert_eq!(error(&format!("{good},x={}", "y".repeat(4096)), 1000), BadSignature::TooLarge);
    }

    #[test]
    fn any_signature_of_any_secret_passes_and_other_schemes_are_ignored() {
        let good = sign(SECRET.as_bytes(), 1000, BODY.as_bytes());
        let v1 = good.split_once("v1=").unwrap().1;
        let header = format!("t=1000,v0=abc,v1={},v1={v1},v2=zz", "0".repeat(64));
        assert!(Signed::new(BODY.as_bytes(), &header).verify(&["other", SECRET], 1300, 300).is_ok());
        assert_eq!(Signed::new(b"{}", &header).verify(&[SECRET], 1000, 300).unwrap_err(), BadSignature::NoMatch);
    }

    #[test]
    fn a_verified_body_is_the_signed_one() {
        let header = sign(SECRET.as_bytes(), 1000, BODY.as_bytes());
        let verified = Signed::new(BODY.as_bytes(), &header).verify(&[SECRET], 1000, 300).unwrap();
        assert_eq!(verified.body(), BODY.as_bytes());
        assert_eq!(Verified::by_the_caller(b"{}").body(), b"{}");
    }

    #[test]
    fn the_tolerance_counts_both_ways_to_the_second() {
        let header = sign(SECRET.as_bytes(), 1000, BODY.as_bytes());
        let verifies = |now| Signed::new(BODY.as_bytes(), &header).verify(&[SECRET], now, 300).is_ok();
        assert!(verifies(700) && verifies(1300));
        assert!(!verifies(699) && !verifies(1301));
    }

    #[test]
    fn a_header_may_be_as_long_as_the_limits_say() {
        let good = sign(SECRET.as_bytes(), 1000, BODY.as_bytes());
        let verifies = |header: &str| Signed::new(BODY.as_bytes(), header).verify(&[SECRET], 1000, 300).is_ok();
        assert!(verifies(&format!("{good}{}", ",v1=00".repeat(MAX_SIGNATURES - 1))));
        let longest = format!("{good},x={}", "y".repeat(MAX_HEADER - good.len() - ",x=".len()));
        assert_eq!(longest.len(), MAX_HEADER);
        assert!(verifies(&longest));
        assert_eq!(error(&format!("{longest}y"), 1000), BadSignature::TooLarge);
    }

    #[test]
    fn a_time_stamp_is_digits_that_fit() {
        let v1 = "0".repeat(64);
        for stamp in ["", "+1000", "-1000", " 1000", "1000x", "99999999999999999999"] {
            assert_eq!(error(&format!("t={stamp},v1={v1}"), 1000), BadSignature::Malformed, "{stamp:?}");
        }
    }
}
