//! Requests to Stripe's API with one key.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, redirect};
use serde_json::{Value, json};

use super::form;
use super::key::Key;
use super::verdict::{Reason, Reply, Verdict, backoff, judge};
use crate::environment::Environment;

/// Longer than Stripe takes for a checkout session, and shorter than a lease.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a read is tried. The waits add up to some minutes.
const READ_TRIES: u32 = 9;

/// Stripe's API as one environment's key sees it.
#[derive(Debug, Clone)]
pub struct Stripe {
    /// Whose key it is.
    pub environment: Environment,
    http: reqwest::Client,
    base: String,
    version: Option<String>,
}

impl Stripe {
    /// A client for a key. `base` is Stripe's address; plain HTTP is for this machine alone.
    ///
    /// # Errors
    /// Where the address could show the key to others.
    pub fn new(environment: Environment, key: &Key, base: &str) -> anyhow::Result<Self> {
        let url = reqwest::Url::parse(base).with_context(|| format!("{base} is no address"))?;
        let loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        ensure!(
            url.scheme() == "https" || (url.scheme() == "http" && loopback),
            "Stripe's address must begin with https://; plain http is for this machine alone"
        );
        ensure!(url.username().is_empty() && url.password().is_none(), "Stripe's address must hold no password");
        let mut authorization =
            HeaderValue::from_str(&format!("Bearer {}", key.expose())).context("the key cannot be sent")?;
        authorization.set_sensitive(true);
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("payments-bridge/", env!("CARGO_PKG_VERSION")))
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, authorization)]))
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT);
        if loopback {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| anyhow::anyhow!("no HTTP client: {}", words(error)))?;
        Ok(Self { environment, http, base: base.trim_end_matches('/').to_owned(), version: None })
    }

    /// The same, in the words of a version of the API, where a request names none of its own.
    #[must_use]
    pub fn with_version(mut self, version: String) -> Self {
        self.version = Some(version);
        self
    }

    /// Sends one request once.
    ///
    /// # Errors
    /// Where no answer came, in words.
    pub async fn send(&self, request: &Request<'_>) -> Result<Reply, String> {
        if !request.path.starts_with("/v1/") {
            return Err("a path of Stripe's API begins with /v1/".to_owned());
        }
        let encoded = form::encode(request.params);
        let mut url = format!("{}{}", self.base, request.path);
        let reads = request.method == "GET";
        if reads && !encoded.is_empty() {
            url = format!("{url}?{encoded}");
        }
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| "no such method".to_owned())?;
        let mut sent = self.http.request(method, url);
        if let Some(version) = request.version.or(self.version.as_deref()) {
            sent = sent.header("Stripe-Version", version);
        }
        if let Some(key) = request.idempotency_key {
            sent = sent.header("Idempotency-Key", key);
        }
        if !reads {
            sent = sent.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(encoded);
        }
        let response = sent.send().await.map_err(words)?;
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut reply = Reply {
            status,
            body: String::new(),
            should_retry: header("stripe-should-retry").and_then(|value| value.parse().ok()),
            retry_after: header("retry-after").and_then(|value| value.parse().ok()).map(Duration::from_secs),
            replayed: header("idempotent-replayed").as_deref() == Some("true"),
            request_id: header("request-id"),
        };
        reply.body = response.text().await.map_err(words)?;
        Ok(reply)
    }

    /// Reads, however often it takes within some minutes.
    ///
    /// # Errors
    /// Where Stripe refuses, or the minutes are over.
    pub async fn get(&self, path: &str, params: &Value) -> Result<String, Reason> {
        self.persist(&Request { method: "GET", path, params, idempotency_key: None, version: None }).await
    }

    /// Writes: tried again as reads are, under one idempotency key.
    ///
    /// # Errors
    /// As for reads.
    pub async fn post(&self, path: &str, params: &Value) -> Result<String, Reason> {
        let key = format!("payments_bridge_{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        self.persist(&Request { method: "POST", path, params, idempotency_key: Some(&key), version: None }).await
    }

    /// Deletes.
    ///
    /// # Errors
    /// As for reads.
    pub async fn delete(&self, path: &str) -> Result<String, Reason> {
        let params = json!({});
        self.persist(&Request { method: "DELETE", path, params: &params, idempotency_key: None, version: None }).await
    }

    /// The id of the account that the key belongs to.
    ///
    /// # Errors
    /// Where Stripe does not tell it: a restricted key may lack the right.
    pub async fn account(&self) -> Result<String, Reason> {
        let answer = self.get("/v1/account", &json!({})).await?;
        let account: Value = serde_json::from_str(&answer).unwrap_or_default();
        account["id"].as_str().map(str::to_owned).ok_or_else(|| Reason::unreachable("the account has no id"))
    }

    async fn persist(&self, request: &Request<'_>) -> Result<String, Reason> {
        let mut tries = 0;
        loop {
            match judge(&self.send(request).await) {
                Verdict::Answer(body) => return Ok(body),
                Verdict::Refused(reason) => return Err(reason),
                Verdict::Again { reason, .. } if tries + 1 >= READ_TRIES => return Err(reason),
                Verdict::Again { after, reason } => {
                    let wait =
                        backoff(tries, Duration::from_millis(500), Duration::from_secs(60), after, fastrand::f64());
                    tracing::info!(environment = %self.environment, path = request.path, wait_ms = wait.as_millis(),
                        "waiting to ask Stripe again: {reason}");
                    tokio::time::sleep(wait).await;
                    tries += 1;
                }
            }
        }
    }
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// GET, POST or DELETE.
    pub method: &'a str,
    /// Beginning with `/v1/`.
    pub path: &'a str,
    /// The parameters, nested JSON.
    pub params: &'a Value,
    /// Under which Stripe does it once, however often it is sent.
    pub idempotency_key: Option<&'a str>,
    /// The version of the API that the parameters are written in.
    pub version: Option<&'a str>,
}

/// What went wrong, without the address, down to the cause.
fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = if error.is_timeout() { "no answer in time".to_owned() } else { error.to_string() };
    let mut cause = std::error::Error::source(&error);
    while let Some(deeper) = cause {
        words = format!("{words}: {deeper}");
        cause = deeper.source();
    }
    words
}
