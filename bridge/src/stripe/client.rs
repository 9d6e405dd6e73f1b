//! Requests to Stripe's API with one key.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, redirect};
use serde_json::{Value, json};

use super::form;
use super::key::Key;
use super::verdict::{Reason, Response, Verdict, backoff, judge};
use crate::environment::Environment;

/// Longer than Stripe takes to create a checkout session, and shorter than a lease.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The number of attempts at a request. The waits between them add up to a few minutes.
const MAX_ATTEMPTS: u32 = 9;

/// A client of Stripe's API with the key of one environment.
#[derive(Debug, Clone)]
pub struct Stripe {
    /// The environment of the key.
    pub environment: Environment,
    http: reqwest::Client,
    base: String,
    version: Option<String>,
}

impl Stripe {
    /// A client that uses this key. `base` is the base URL of Stripe's API, which may use plain HTTP only on this
    /// machine.
    ///
    /// # Errors
    /// If the URL is invalid, or would send the key over plain HTTP to another machine.
    pub fn new(environment: Environment, key: &Key, base: &str) -> anyhow::Result<Self> {
        let url = reqwest::Url::parse(base).with_context(|| format!("{base} is not a URL"))?;
        let loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        ensure!(
            url.scheme() == "https" || (url.scheme() == "http" && loopback),
            "the base URL of Stripe must begin with https://; plain http is only for this machine"
        );
        ensure!(
            url.username().is_empty() && url.password().is_none(),
            "the base URL of Stripe must not contain a user or a password"
        );
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", key.expose()))
            .context("the key cannot be sent in an HTTP header")?;
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
        let http =
            builder.build().map_err(|error| anyhow::anyhow!("cannot create an HTTP client: {}", describe(error)))?;
        Ok(Self { environment, http, base: base.trim_end_matches('/').to_owned(), version: None })
    }

    /// Sets the API version of requests that do not have their own.
    #[must_use]
    pub fn with_version(mut self, version: String) -> Self {
        self.version = Some(version);
        self
    }

    /// Sends a request once, without retries.
    ///
    /// # Errors
    /// If no response came: the reason, as text.
    pub async fn send(&self, request: &Request<'_>) -> Result<Response, String> {
        if !request.path.starts_with("/v1/") {
            return Err("a path of Stripe's API must begin with /v1/".to_owned());
        }
        let encoded = form::encode(request.params);
        let mut url = format!("{}{}", self.base, request.path);
        let is_get = request.method == "GET";
        if is_get && !encoded.is_empty() {
            url = format!("{url}?{encoded}");
        }
        let method =
            Method::from_bytes(request.method.as_bytes()).map_err(|_| "the HTTP method is invalid".to_owned())?;
        let mut builder = self.http.request(method, url);
        if let Some(version) = request.version.or(self.version.as_deref()) {
            builder = builder.header("Stripe-Version", version);
        }
        if let Some(key) = request.idempotency_key {
            builder = builder.header("Idempotency-Key", key);
        }
        if !is_get {
            builder = builder.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(encoded);
        }
        let received = builder.send().await.map_err(describe)?;
        let status = received.status().as_u16();
        let header = |name: &str| received.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut response = Response {
            status,
            body: String::new(),
            should_retry: header("stripe-should-retry").and_then(|value| value.parse().ok()),
            retry_after: header("retry-after").and_then(|value| value.parse().ok()).map(Duration::from_secs),
            replayed: header("idempotent-replayed").as_deref() == Some("true"),
            request_id: header("request-id"),
        };
        response.body = received.text().await.map_err(describe)?;
        Ok(response)
    }

    /// Sends a GET request, with retries for a few minutes. Returns the body of the response.
    ///
    /// # Errors
    /// If Stripe refuses the request, or all attempts fail.
    pub async fn get(&self, path: &str, params: &Value) -> Result<String, Reason> {
        self.send_with_retries(&Request { method: "GET", path, params, idempotency_key: None, version: None }).await
    }

    /// Sends a POST request with retries, under one idempotency key. Returns the body of the response.
    ///
    /// # Errors
    /// As for [`Self::get`].
    pub async fn post(&self, path: &str, params: &Value) -> Result<String, Reason> {
        let key = format!("payments_bridge_{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        let request = Request { method: "POST", path, params, idempotency_key: Some(&key), version: None };
        self.send_with_retries(&request).await
    }

    /// Sends a DELETE request, with retries. Returns the body of the response.
    ///
    /// # Errors
    /// As for [`Self::get`].
    pub async fn delete(&self, path: &str) -> Result<String, Reason> {
        let params = json!({});
        let request = Request { method: "DELETE", path, params: &params, idempotency_key: None, version: None };
        self.send_with_retries(&request).await
    }

    /// The id of the account that the key belongs to.
    ///
    /// # Errors
    /// If Stripe does not return it; a restricted key may lack the right.
    pub async fn account(&self) -> Result<String, Reason> {
        let body = self.get("/v1/account", &json!({})).await?;
        let account: Value = serde_json::from_str(&body).unwrap_or_default();
        account["id"].as_str().map(str::to_owned).ok_or_else(|| Reason::unreachable("the account has no id"))
    }

    async fn send_with_retries(&self, request: &Request<'_>) -> Result<String, Reason> {
        let mut attempts = 0;
        loop {
            match judge(&self.send(request).await) {
                Verdict::Success(body) => return Ok(body),
                Verdict::Refused(reason) => return Err(reason),
                Verdict::Retry { reason, .. } if attempts + 1 >= MAX_ATTEMPTS => return Err(reason),
                Verdict::Retry { after, reason } => {
                    let wait =
                        backoff(attempts, Duration::from_millis(500), Duration::from_secs(60), after, fastrand::f64());
                    tracing::info!(environment = %self.environment, path = request.path, wait_ms = wait.as_millis(),
                        "retrying a request to Stripe: {reason}");
                    tokio::time::sleep(wait).await;
                    attempts += 1;
                }
            }
        }
    }
}

/// A request to Stripe's API.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The HTTP method: GET, POST or DELETE.
    pub method: &'a str,
    /// The path, which begins with `/v1/`.
    pub path: &'a str,
    /// The parameters, as nested JSON.
    pub params: &'a Value,
    /// The idempotency key. Stripe carries out all requests with the same key only once.
    pub idempotency_key: Option<&'a str>,
    /// The version of Stripe's API that the parameters are written for, or `None` for the client's version.
    pub version: Option<&'a str>,
}

/// The error and all its causes as text, without the URL.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut message = if error.is_timeout() { "no response in time".to_owned() } else { error.to_string() };
    let mut cause = std::error::Error::source(&error);
    while let Some(deeper) = cause {
        message = format!("{message}: {deeper}");
        cause = deeper.source();
    }
    message
}
