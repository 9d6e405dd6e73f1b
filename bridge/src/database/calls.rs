//! The functions of the schema `payments` that the bridge calls.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_postgres::types::Type;

use super::fault::Fault;
use super::pool::{Param, Pool};
use crate::environment::Environment;

/// The text of a query of `bridge/sql/bridge.sql`.
macro_rules! query {
    ($name:literal) => {
        const { payments_core::query_file::find(include_str!("../../sql/bridge.sql"), $name) }
    };
}

/// A waiting request that this bridge has claimed, to send it to Stripe.
#[derive(Debug, Clone, Deserialize)]
pub struct Claimed {
    /// The UUID of the checkout session, portal session or subscription change that the request is for.
    pub session_id: String,
    /// `checkout`, `portal` or `subscription`.
    pub kind: String,
    /// The environment whose API key sends the request.
    pub environment: Environment,
    /// The HTTP request to send.
    pub request: Request,
    /// How many times the request has been claimed, this time included.
    pub attempt: u32,
}

/// An HTTP request to Stripe, as `payments.stripe_request` returns it.
#[derive(Debug, Clone, Deserialize)]
pub struct Request {
    /// The HTTP method.
    pub method: String,
    /// The path, which begins with `/v1/`.
    pub path: String,
    /// The idempotency key, the same for every attempt.
    pub idempotency_key: String,
    /// The version of Stripe's API that the parameters are written for.
    #[serde(default)]
    pub stripe_version: Option<String>,
    /// The parameters, as nested JSON.
    #[serde(default)]
    pub params: Value,
}

/// A Stripe list that a purchase waits for.
#[derive(Debug, Clone, Deserialize)]
pub struct Read {
    /// The environment whose API key reads the list.
    pub environment: Environment,
    /// The path of the list.
    pub path: String,
    /// The parameters of the list.
    #[serde(default)]
    pub params: Value,
    /// Why the list is needed.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What the database has recorded about an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Recorded {
    /// The id of the Stripe account.
    pub account: Option<String>,
    /// The id of the webhook endpoint at Stripe.
    pub endpoint_id: Option<String>,
    /// The URL of the webhook endpoint.
    pub endpoint_url: Option<String>,
    /// Whether the database has a webhook secret to verify signatures with.
    pub has_secret: bool,
    /// When events were last read from Stripe's API, in seconds since 1970.
    pub events_read_at: Option<i64>,
    /// Whether the environment accepts sessions and events: test always does, live once it is approved.
    pub open: bool,
}

/// The result of receiving an event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Received {
    /// `processed`, `ignored`, `failed` or `refused`.
    pub status: String,
    /// Whether the event had been processed before.
    #[serde(default)]
    pub duplicate: bool,
    /// The event's type.
    #[serde(default)]
    pub event_type: Option<String>,
    /// Why the event failed, was refused or was ignored. For a refused delivery in a batch, it begins with the
    /// SQLSTATE.
    #[serde(default)]
    pub error: Option<String>,
}

/// The result of syncing objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Synced {
    /// The number of objects that were projected.
    #[serde(default)]
    pub synced: i64,
    /// The number of objects that the database could not read.
    #[serde(default)]
    pub failed: i64,
}

/// The result of one check of `doctor`.
#[derive(Debug, Clone, Deserialize)]
pub struct Finding {
    /// The name of the check.
    pub check_name: String,
    /// Whether the check passed.
    pub ok: bool,
    /// What the check found.
    #[serde(default)]
    pub detail: Option<String>,
    /// What to run if the check failed.
    #[serde(default)]
    pub fix: Option<String>,
}

/// The duration as the text of a PostgreSQL interval.
fn interval(duration: Duration) -> String {
    format!("{} milliseconds", duration.as_millis())
}

fn text(value: &(dyn tokio_postgres::types::ToSql + Sync)) -> Param<'_> {
    (value, Type::TEXT)
}

fn typed<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::Unexpected(error.to_string()))
}

impl Pool {
    async fn texts(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Option<String>>, Fault> {
        let rows = self.rows(sql, params).await?;
        rows.iter().map(|row| Ok(row.try_get::<_, Option<String>>(0)?)).collect()
    }

    async fn text(&self, sql: &str, params: &[Param<'_>]) -> Result<Option<String>, Fault> {
        Ok(self.texts(sql, params).await?.into_iter().next().flatten())
    }

    async fn json<T: DeserializeOwned>(&self, sql: &str, params: &[Param<'_>]) -> Result<T, Fault> {
        typed(self.text(sql, params).await?.as_deref().unwrap_or("null"))
    }

    async fn all<T: DeserializeOwned>(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<T>, Fault> {
        self.texts(sql, params).await?.iter().flatten().map(|text| typed(text)).collect()
    }

    /// Checks that the database can be reached.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub async fn ping(&self) -> Result<(), Fault> {
        self.text(query!("ping"), &[]).await.map(drop)
    }

    /// Claims up to `limit` waiting requests. No other bridge can claim them until the lease expires.
    ///
    /// # Errors
    /// As for every call: if the database cannot be reached, raises an error, or returns an unexpected result.
    pub async fn claim_requests(&self, limit: usize, lease: Duration) -> Result<Vec<Claimed>, Fault> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let lease = interval(lease);
        self.all(query!("claim_requests"), &[(&limit, Type::INT4), text(&lease)]).await
    }

    /// Postpones a request: it can be claimed again after `delay`. `why` is stored as the session's last error.
    ///
    /// # Errors
    /// As for every call.
    pub async fn postpone(&self, session: &str, delay: Duration, why: &str) -> Result<(), Fault> {
        let delay = interval(delay);
        self.rows(query!("postpone_request"), &[text(&session), text(&delay), text(&why)]).await.map(drop)
    }

    /// Records Stripe's response to a request. `body` is its JSON.
    ///
    /// # Errors
    /// As for every call; also if the response belongs to another session.
    pub async fn record_response(&self, session: &str, body: &str) -> Result<(), Fault> {
        self.rows(query!("record_response"), &[text(&session), text(&body)]).await.map(drop)
    }

    /// Records that a request failed permanently, and why.
    ///
    /// # Errors
    /// As for every call.
    pub async fn record_error(&self, session: &str, why: &str) -> Result<(), Fault> {
        self.rows(query!("record_error"), &[text(&session), text(&why)]).await.map(drop)
    }

    /// Claims up to `limit` lists that purchases wait for. No other bridge can claim them until the lease expires.
    ///
    /// # Errors
    /// As for every call.
    pub async fn claim_reads(&self, limit: i32, lease: Duration) -> Result<Vec<Read>, Fault> {
        let lease = interval(lease);
        self.all(query!("claim_reads"), &[(&limit, Type::INT4), text(&lease)]).await
    }

    /// Projects objects that were fetched from Stripe. `objects` is a JSON array. `as_of` is when the fetch started, in
    /// seconds since 1970.
    ///
    /// # Errors
    /// As for every call.
    pub async fn sync_objects(&self, environment: Environment, objects: &str, as_of: f64) -> Result<Synced, Fault> {
        let environment = environment.name();
        let params = [text(&environment), text(&objects), (&as_of, Type::FLOAT8)];
        self.json(query!("sync_objects"), &params).await
    }

    /// Receives one delivery. The transaction has committed when this returns.
    ///
    /// # Errors
    /// As for every call; also if the signature is wrong or the body is not a Stripe event.
    pub async fn receive_webhook(
        &self,
        environment: Environment,
        body: &[u8],
        signature: Option<&str>,
    ) -> Result<Received, Fault> {
        let environment = environment.name();
        let params = [text(&environment), (&body, Type::BYTEA), text(&signature)];
        self.json(query!("receive_webhook"), &params).await
    }

    /// Receives a batch of deliveries in one transaction. The results are in the order of `bodies`.
    ///
    /// # Errors
    /// As for every call.
    pub async fn receive_webhooks(
        &self,
        environment: Environment,
        bodies: &[&str],
        signatures: &[Option<&str>],
    ) -> Result<Vec<Received>, Fault> {
        let environment = environment.name();
        let params = [text(&environment), (&bodies, Type::TEXT_ARRAY), (&signatures, Type::TEXT_ARRAY)];
        self.json(query!("receive_webhooks"), &params).await
    }

    /// Applies an event that Stripe's API returned. `event` is its JSON.
    ///
    /// # Errors
    /// As for every call; also if it is not a Stripe event.
    pub async fn apply_event(&self, environment: Environment, event: &str) -> Result<Received, Fault> {
        self.json(query!("apply_event"), &[text(&environment.name()), text(&event)]).await
    }

    /// The event types that change rows.
    ///
    /// # Errors
    /// As for every call.
    pub async fn event_types(&self) -> Result<Vec<String>, Fault> {
        self.json(query!("event_types"), &[]).await
    }

    /// The id of the event that reading resumes from, or `None` before the first read.
    ///
    /// # Errors
    /// As for every call.
    pub async fn events_cursor(&self, environment: Environment) -> Result<Option<String>, Fault> {
        self.text(query!("events_cursor"), &[text(&environment.name())]).await
    }

    /// Stores the id of the event that reading resumes from.
    ///
    /// # Errors
    /// As for every call.
    pub async fn set_events_cursor(&self, environment: Environment, event: &str) -> Result<(), Fault> {
        self.rows(query!("set_events_cursor"), &[text(&environment.name()), text(&event)]).await.map(drop)
    }

    /// What the database has recorded about an environment.
    ///
    /// # Errors
    /// As for every call.
    pub async fn recorded(&self, environment: Environment) -> Result<Recorded, Fault> {
        self.json(query!("connection"), &[text(&environment.name())]).await
    }

    /// The version of Stripe's API that requests are written for.
    ///
    /// # Errors
    /// As for every call.
    pub async fn stripe_version(&self) -> Result<String, Fault> {
        Ok(self.text(query!("stripe_version"), &[]).await?.unwrap_or_default())
    }

    /// Whether an event in this version of Stripe's API was delivered since the webhook endpoint was configured.
    ///
    /// # Errors
    /// As for every call.
    pub async fn received_event_of_version(&self, environment: Environment, version: &str) -> Result<bool, Fault> {
        let received =
            self.text(query!("received_event_of_version"), &[text(&environment.name()), text(&version)]).await?;
        Ok(received.as_deref() == Some("true"))
    }

    /// Sets the webhook secret. Previous secrets stay valid for `keep_previous`. Returns whether the role was allowed
    /// to keep the statement, and so the secret, out of the server's log.
    ///
    /// # Errors
    /// As for every call.
    pub async fn set_secret(
        &self,
        environment: Environment,
        secret: &SecretString,
        keep_previous: Duration,
    ) -> Result<bool, Fault> {
        let keep = interval(keep_previous);
        let secret = secret.expose_secret();
        let environment = environment.name();
        let params = [text(&environment), text(&secret), text(&keep)];
        let (hidden, _) =
            self.rows_after_optional(query!("disable_statement_logging"), query!("set_secret"), &params).await?;
        Ok(hidden)
    }

    /// Records the id of the environment's Stripe account.
    ///
    /// # Errors
    /// As for every call.
    pub async fn set_account(&self, environment: Environment, account: &str) -> Result<(), Fault> {
        self.rows(query!("set_account"), &[text(&environment.name()), text(&account)]).await.map(drop)
    }

    /// Records the webhook endpoint: its id, its URL and its version of Stripe's API.
    ///
    /// # Errors
    /// As for every call.
    pub async fn record_endpoint(
        &self,
        environment: Environment,
        id: &str,
        url: &str,
        version: Option<&str>,
    ) -> Result<(), Fault> {
        let environment = environment.name();
        let params = [text(&environment), text(&id), text(&url), text(&version)];
        self.rows(query!("record_endpoint"), &params).await.map(drop)
    }

    /// The id of the last object that an unfinished sync of the resource stored, or `None` if the sync starts at the
    /// beginning.
    ///
    /// # Errors
    /// As for every call.
    pub async fn sync_position(&self, environment: Environment, resource: &str) -> Result<Option<String>, Fault> {
        self.text(query!("sync_position"), &[text(&environment.name()), text(&resource)]).await
    }

    /// Records the progress of a sync.
    ///
    /// # Errors
    /// As for every call.
    pub async fn record_sync(&self, environment: Environment, step: &SyncStep<'_>) -> Result<(), Fault> {
        let environment = environment.name();
        let params = [
            text(&environment),
            text(&step.resource),
            text(&step.cursor),
            (&step.objects, Type::INT8),
            (&step.finished, Type::BOOL),
            text(&step.error),
        ];
        self.rows(query!("record_sync"), &params).await.map(drop)
    }

    /// The ids, out of `ids`, of the events that were neither processed nor ignored.
    ///
    /// # Errors
    /// As for every call.
    pub async fn unprocessed_events(&self, environment: Environment, ids: &[String]) -> Result<Vec<String>, Fault> {
        self.all(query!("unprocessed_events"), &[text(&environment.name()), (&ids, Type::TEXT_ARRAY)]).await
    }

    /// The findings of `payments.doctor()`.
    ///
    /// # Errors
    /// As for every call.
    pub async fn findings(&self) -> Result<Vec<Finding>, Fault> {
        self.all(query!("findings"), &[]).await
    }
}

/// One step in the sync of a resource.
#[derive(Debug, Clone, Copy)]
pub struct SyncStep<'a> {
    /// The name of the resource.
    pub resource: &'a str,
    /// The id of the last object that was synced.
    pub cursor: Option<&'a str>,
    /// The number of objects that this step synced.
    pub objects: i64,
    /// Whether this was the last step.
    pub finished: bool,
    /// Why the sync stopped early.
    pub error: Option<&'a str>,
}
