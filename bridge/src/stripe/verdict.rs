//! What an answer of Stripe's means: it is the answer, the request is refused for good, or it is worth another try.
//!
//! Source: <https://docs.stripe.com/error-low-level>, <https://docs.stripe.com/api/idempotent_requests>.

use std::time::Duration;

use serde_json::Value;

/// What Stripe's server said, or what came in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// `Stripe-Should-Retry`.
    pub should_retry: Option<bool>,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
    /// `Idempotent-Replayed`: Stripe gives the answer that it gave to this idempotency key before.
    pub replayed: bool,
    /// `Request-Id`, with which Stripe's support and dashboard find the request.
    pub request_id: Option<String>,
}

/// What to do after a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The answer, JSON.
    Answer(String),
    /// Stripe refused the request, and would again.
    Refused(Reason),
    /// The same request may succeed later.
    Again {
        /// How long Stripe asks to wait.
        after: Option<Duration>,
        /// What went wrong.
        reason: Reason,
    },
}

/// Why a request did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The HTTP status; none where Stripe did not answer.
    pub status: Option<u16>,
    /// Stripe's code of the error, such as `resource_missing`.
    pub code: Option<String>,
    /// In words that a shop can show.
    pub words: String,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.words)
    }
}

impl Reason {
    /// Stripe could not be reached, or did not answer.
    #[must_use]
    pub fn unreachable(words: &str) -> Self {
        Self { status: None, code: None, words: format!("Stripe could not be reached: {words}") }
    }

    /// Whether Stripe knows no such object, which is also how it answers to a cursor that it has forgotten.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.status == Some(404) || self.code.as_deref() == Some("resource_missing")
    }
}

/// Judges what came of a request.
#[must_use]
pub fn judge(reply: &Result<Reply, String>) -> Verdict {
    let reply = match reply {
        Ok(reply) => reply,
        Err(words) => return Verdict::Again { after: None, reason: Reason::unreachable(words) },
    };
    let body = serde_json::from_str::<Value>(&reply.body).ok();
    if (200..300).contains(&reply.status) {
        if body.as_ref().is_some_and(Value::is_object) {
            return Verdict::Answer(reply.body.clone());
        }
        let words = "Stripe's answer could not be read".to_owned();
        let reason = Reason { status: Some(reply.status), code: None, words };
        return Verdict::Again { after: reply.retry_after, reason };
    }
    let reason = reason(reply, body.as_ref());
    if worth_another_try(reply, &reason) {
        Verdict::Again { after: reply.retry_after, reason }
    } else {
        Verdict::Refused(reason)
    }
}

fn worth_another_try(reply: &Reply, reason: &Reason) -> bool {
    // Stripe stores the first answer to an idempotency key, a failure of its servers too: every further try is answered with it.
    if reply.replayed && reply.status >= 500 {
        return false;
    }
    if let Some(should) = reply.should_retry {
        return should;
    }
    match reply.status {
        429 | 500.. => true,
        409 => matches!(reason.code.as_deref(), Some("lock_timeout" | "idempotency_key_in_use")),
        _ => false,
    }
}

fn reason(reply: &Reply, body: Option<&Value>) -> Reason {
    let error = body.map(|body| &body["error"]);
    let text = |name: &str| error.and_then(|error| error[name].as_str()).map(str::to_owned);
    let message = text("message").unwrap_or_else(|| match reply.status {
        401 => "Stripe does not accept the API key.".to_owned(),
        429 => "Stripe asks to send fewer requests.".to_owned(),
        500.. => "Stripe had a fault of its own.".to_owned(),
        status => format!("Stripe answered with HTTP {status}."),
    });
    // Stripe shows a part of a wrong key in its message.
    let message = if reply.status == 401 { "Stripe does not accept the API key.".to_owned() } else { message };
    let mut words = message;
    let named = [("code", text("code")), ("param", text("param")), ("request", reply.request_id.clone())];
    let known: Vec<_> = named.iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?))).collect();
    if !known.is_empty() {
        words = format!("{words} ({})", known.join(", "));
    }
    Reason { status: Some(reply.status), code: text("code"), words }
}

/// How long to wait before a further try: twice as long after each, at most `longest`, by chance up to a half less, so that
/// the tries of many spread; never less than Stripe asks for.
#[must_use]
pub fn backoff(
    tries_before: u32,
    first: Duration,
    longest: Duration,
    asked: Option<Duration>,
    chance: f64,
) -> Duration {
    let doubled = first.saturating_mul(2_u32.saturating_pow(tries_before.min(20)));
    let wait = doubled.min(longest).mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0));
    asked.map_or(wait, |asked| asked + wait.mul_f64(0.1)).max(wait)
}

#[cfg(test)]
mod tests {
    use super::{Duration, Reply, Verdict, backoff, judge};

    fn reply(status: u16, body: &str) -> Reply {
        let body = body.to_owned();
        Reply { status, body, should_retry: None, retry_after: None, replayed: false, request_id: None }
    }

    fn again(reply: Reply) -> bool {
        matches!(judge(&Ok(reply)), Verdict::Again { .. })
    }

    fn refused(reply: Reply) -> bool {
        matches!(judge(&Ok(reply)), Verdict::Refused(_))
    }

    #[test]
    fn an_answer_is_an_object() {
        assert_eq!(judge(&Ok(reply(200, r#"{"id":"x"}"#))), Verdict::Answer(r#"{"id":"x"}"#.to_owned()));
        assert!(again(reply(200, "<html>")));
        assert!(again(reply(200, "")));
    }

    #[test]
    fn faults_of_servers_and_networks_are_tried_again() {
        for status in [429, 500, 502, 503, 504] {
            assert!(again(reply(status, "")), "{status}");
        }
        assert!(again(reply(409, r#"{"error":{"code":"lock_timeout"}}"#)));
        assert!(again(reply(409, r#"{"error":{"code":"idempotency_key_in_use"}}"#)));
        assert!(matches!(judge(&Err("connection refused".to_owned())), Verdict::Again { .. }));
    }

    #[test]
    fn other_refusals_are_final() {
        for status in [400, 401, 402, 403, 404, 409, 302] {
            assert!(refused(reply(status, "")), "{status}");
        }
    }

    #[test]
    fn stripe_decides_where_it_says_so() {
        assert!(again(Reply { should_retry: Some(true), ..reply(400, "") }));
        assert!(refused(Reply { should_retry: Some(false), ..reply(500, "") }));
        assert!(refused(Reply { should_retry: Some(false), ..reply(429, "") }));
    }

    #[test]
    fn a_replayed_fault_is_final() {
        assert!(refused(Reply { replayed: true, ..reply(500, "") }));
        assert!(refused(Reply { replayed: true, should_retry: Some(true), ..reply(500, "") }));
        assert!(again(Reply { replayed: true, ..reply(429, "") }));
    }

    #[test]
    fn the_reason_is_in_words_and_shows_no_key() {
        let body = r#"{"error":{"message":"No such price: 'price_1'","code":"resource_missing","param":"line_items[0][price]"}}"#;
        let Verdict::Refused(reason) = judge(&Ok(Reply { request_id: Some("req_1".to_owned()), ..reply(400, body) }))
        else {
            panic!("not refused");
        };
        assert_eq!(
            reason.words,
            "No such price: 'price_1' (code resource_missing, param line_items[0][price], request req_1)"
        );
        assert!(reason.is_missing());
        let Verdict::Refused(reason) =
            judge(&Ok(reply(401, r#"{"error":{"message":"Invalid API Key: sk_test_ab***yz"}}"#)))
        else {
            panic!("not refused");
        };
        assert_eq!(reason.words, "Stripe does not accept the API key.");
    }

    #[test]
    fn waiting_doubles_and_obeys() {
        let wait = |tries, asked: Option<u64>, chance| {
            backoff(tries, Duration::from_secs(1), Duration::from_secs(60), asked.map(Duration::from_secs), chance)
        };
        assert_eq!(wait(0, None, 1.0), Duration::from_secs(1));
        assert_eq!(wait(3, None, 1.0), Duration::from_secs(8));
        assert_eq!(wait(3, None, 0.0), Duration::from_secs(4));
        assert_eq!(wait(60, None, 1.0), Duration::from_secs(60));
        assert!(wait(0, Some(30), 0.0) >= Duration::from_secs(30));
        assert!(wait(6, Some(1), 1.0) >= Duration::from_secs(60));
    }
}
