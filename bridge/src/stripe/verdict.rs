//! Decides what a response of Stripe means: success, a permanent refusal, or a failure that a retry may fix.
//!
//! Source: <https://docs.stripe.com/error-low-level>, <https://docs.stripe.com/api/idempotent_requests>.

use std::time::Duration;

use serde_json::Value;

/// An HTTP response from Stripe, or from a proxy in front of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// The header `Stripe-Should-Retry`.
    pub should_retry: Option<bool>,
    /// The header `Retry-After`.
    pub retry_after: Option<Duration>,
    /// The header `Idempotent-Replayed`: whether Stripe repeats its first response to this idempotency key.
    pub replayed: bool,
    /// The header `Request-Id`, which identifies the request in Stripe's dashboard.
    pub request_id: Option<String>,
}

/// What a response means for the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The request succeeded. The body is a JSON object.
    Success(String),
    /// Stripe refused the request, and would refuse a retry.
    Refused(Reason),
    /// A retry may succeed.
    Retry {
        /// How long Stripe asks to wait before the retry.
        after: Option<Duration>,
        /// What went wrong.
        reason: Reason,
    },
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The HTTP status, or `None` if no response came.
    pub status: Option<u16>,
    /// Stripe's error code, such as `resource_missing`.
    pub code: Option<String>,
    /// A message that contains no secret and can be shown to users.
    pub message: String,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Reason {
    /// The reason if Stripe could not be reached or did not respond in time.
    #[must_use]
    pub fn unreachable(why: &str) -> Self {
        Self { status: None, code: None, message: format!("Stripe could not be reached: {why}") }
    }

    /// Whether Stripe has no such object. Stripe also responds so to a cursor whose object no longer exists.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.status == Some(404) || self.code.as_deref() == Some("resource_missing")
    }
}

/// Decides what a response means. An `Err` says why no response came.
#[must_use]
pub fn judge(response: &Result<Response, String>) -> Verdict {
    let response = match response {
        Ok(response) => response,
        Err(why) => return Verdict::Retry { after: None, reason: Reason::unreachable(why) },
    };
    let body = serde_json::from_str::<Value>(&response.body).ok();
    if (200..300).contains(&response.status) {
        if body.as_ref().is_some_and(Value::is_object) {
            return Verdict::Success(response.body.clone());
        }
        let message = "Stripe's response could not be read".to_owned();
        let reason = Reason { status: Some(response.status), code: None, message };
        return Verdict::Retry { after: response.retry_after, reason };
    }
    let reason = reason(response, body.as_ref());
    if should_retry(response, &reason) {
        Verdict::Retry { after: response.retry_after, reason }
    } else {
        Verdict::Refused(reason)
    }
}

fn should_retry(response: &Response, reason: &Reason) -> bool {
    // Stripe stores its first response to an idempotency key, even a server error, and repeats it for every retry.
    if response.replayed && response.status >= 500 {
        return false;
    }
    if let Some(should_retry) = response.should_retry {
        return should_retry;
    }
    match response.status {
        429 | 500.. => true,
        409 => matches!(reason.code.as_deref(), Some("lock_timeout" | "idempotency_key_in_use")),
        _ => false,
    }
}

fn reason(response: &Response, body: Option<&Value>) -> Reason {
    let error = body.map(|body| &body["error"]);
    let text = |name: &str| error.and_then(|error| error[name].as_str()).map(str::to_owned);
    let mut message = text("message").unwrap_or_else(|| match response.status {
        429 => "Stripe asks to send fewer requests.".to_owned(),
        500.. => "Stripe had an internal error.".to_owned(),
        status => format!("Stripe responded with HTTP {status}."),
    });
    // Stripe's own message shows a part of the wrong key.
    if response.status == 401 {
        "Stripe does not accept the API key.".clone_into(&mut message);
    }
    let named = [("code", text("code")), ("param", text("param")), ("request", response.request_id.clone())];
    let known: Vec<_> = named.iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?))).collect();
    if !known.is_empty() {
        message = format!("{message} ({})", known.join(", "));
    }
    Reason { status: Some(response.status), code: text("code"), message }
}

/// How long to wait before a retry. The wait starts at `first`, doubles with each of the `previous` retries, and is at
/// most `max`. `jitter`, from 0 to 1, makes it up to a half shorter, so that many clients do not retry together. The
/// wait is never shorter than `retry_after`, the time that Stripe asks for.
#[must_use]
pub fn backoff(previous: u32, first: Duration, max: Duration, retry_after: Option<Duration>, jitter: f64) -> Duration {
    let doubled = first.saturating_mul(2_u32.saturating_pow(previous.min(20)));
    let wait = doubled.min(max).mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0));
    retry_after.map_or(wait, |asked| asked + wait.mul_f64(0.1)).max(wait)
}

#[cfg(test)]
mod tests {
    use super::{Duration, Response, Verdict, backoff, judge};

    fn response(status: u16, body: &str) -> Response {
        let body = body.to_owned();
        Response { status, body, should_retry: None, retry_after: None, replayed: false, request_id: None }
    }

    fn retried(response: Response) -> bool {
        matches!(judge(&Ok(response)), Verdict::Retry { .. })
    }

    fn refused(response: Response) -> bool {
        matches!(judge(&Ok(response)), Verdict::Refused(_))
    }

    #[test]
    fn success_needs_a_json_object() {
        assert_eq!(judge(&Ok(response(200, r#"{"id":"x"}"#))), Verdict::Success(r#"{"id":"x"}"#.to_owned()));
        assert!(retried(response(200, "<html>")));
        assert!(retried(response(200, "")));
    }

    #[test]
    fn server_and_network_errors_are_retried() {
        for status in [429, 500, 502, 503, 504] {
            assert!(retried(response(status, "")), "{status}");
        }
        assert!(retried(response(409, r#"{"error":{"code":"lock_timeout"}}"#)));
        assert!(retried(response(409, r#"{"error":{"code":"idempotency_key_in_use"}}"#)));
        assert!(matches!(judge(&Err("connection refused".to_owned())), Verdict::Retry { .. }));
    }

    #[test]
    fn other_errors_are_permanent() {
        for status in [400, 401, 402, 403, 404, 409, 302] {
            assert!(refused(response(status, "")), "{status}");
        }
    }

    #[test]
    fn stripe_should_retry_decides() {
        assert!(retried(Response { should_retry: Some(true), ..response(400, "") }));
        assert!(refused(Response { should_retry: Some(false), ..response(500, "") }));
        assert!(refused(Response { should_retry: Some(false), ..response(429, "") }));
    }

    #[test]
    fn a_replayed_server_error_is_permanent() {
        assert!(refused(Response { replayed: true, ..response(500, "") }));
        assert!(refused(Response { replayed: true, should_retry: Some(true), ..response(500, "") }));
        assert!(retried(Response { replayed: true, ..response(429, "") }));
    }

    #[test]
    fn the_message_is_readable_and_shows_no_key() {
        let body = r#"{"error":{"message":"No such price: 'price_1'","code":"resource_missing","param":"line_items[0][price]"}}"#;
        let Verdict::Refused(reason) =
            judge(&Ok(Response { request_id: Some("req_1".to_owned()), ..response(400, body) }))
        else {
            panic!("not refused");
        };
        assert_eq!(
            reason.message,
            "No such price: 'price_1' (code resource_missing, param line_items[0][price], request req_1)"
        );
        assert!(reason.is_missing());
        let Verdict::Refused(reason) =
            judge(&Ok(response(401, r#"{"error":{"message":"Invalid API Key: sk_test_ab***yz"}}"#)))
        else {
            panic!("not refused");
        };
        assert_eq!(reason.message, "Stripe does not accept the API key.");
    }

    #[test]
    fn the_backoff_doubles_and_respects_retry_after() {
        let wait = |previous, retry_after: Option<u64>, jitter| {
            let retry_after = retry_after.map(Duration::from_secs);
            backoff(previous, Duration::from_secs(1), Duration::from_secs(60), retry_after, jitter)
        };
        assert_eq!(wait(0, None, 1.0), Duration::from_secs(1));
        assert_eq!(wait(3, None, 1.0), Duration::from_secs(8));
        assert_eq!(wait(3, None, 0.0), Duration::from_secs(4));
        assert_eq!(wait(60, None, 1.0), Duration::from_secs(60));
        assert!(wait(0, Some(30), 0.0) >= Duration::from_secs(30));
        assert!(wait(6, Some(1), 1.0) >= Duration::from_secs(60));
    }
}
