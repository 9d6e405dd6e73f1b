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

/// A request that waits to be sent to Stripe.
#[derive(Debug, Clone, Deserialize)]
pub struct Claimed {
    /// The session, or what else the request is for.
    pub session_id: String,
    /// `checkout`, `portal` or `subscription`.
    pub kind: String,
    /// Whose key sends it.
    pub environment: Environment,
    /// What to send.
    pub request: Request,
    /// The how manyth time it is handed out, from 1.
    pub attempt: u32,
}

/// What to send to Stripe, as `stripe_request` says it.
#[derive(Debug, Clone, Deserialize)]
pub struct Request {
    /// The HTTP method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The idempotency key.
    pub idempotency_key: String,
    /// The version of the API that the parameters are written in.
    #[serde(default)]
    pub stripe_version: Option<String>,
    /// The parameters.
    #[serde(default)]
    pub params: Value,
}

/// A list that a purchase waits for.
#[derive(Debug, Clone, Deserialize)]
pub struct Read {
    /// Whose key reads it.
    pub environment: Environment,
    /// The path of the list.
    pub path: String,
    /// Its parameters.
    #[serde(default)]
    pub params: Value,
    /// What waits for it.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What the database says of an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Recorded {
    /// The account that is the environment's own.
    pub account: Option<String>,
    /// The endpoint that Stripe posts to.
    pub endpoint_id: Option<String>,
    /// Its address.
    pub endpoint_url: Option<String>,
    /// Whether a signature can be verified.
    pub has_secret: bool,
    /// When Stripe's events were last read, in seconds since 1970.
    pub events_read_at: Option<i64>,
    /// Whether it takes sessions and events: test always, live once it is approved.
    pub open: bool,
}

/// What came of an event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Received {
    /// `processed`, `ignored`, `failed` or `refused`.
    pub status: String,
    /// Whether it had been handled before.
    #[serde(default)]
    pub duplicate: bool,
    /// The event's type.
    #[serde(default)]
    pub event_type: Option<String>,
    /// What went wrong, or why it is ignored; of a delivery that is refused, it begins with the SQLSTATE.
    #[serde(default)]
    pub error: Option<String>,
}

/// What came of objects that were synced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Synced {
    /// Projected.
    #[serde(default)]
    pub synced: i64,
    /// Could not be read.
    #[serde(default)]
    pub failed: i64,
}

/// One thing that `doctor` looked at.
#[derive(Debug, Clone, Deserialize)]
pub struct Finding {
    /// What.
    pub check_name: String,
    /// Whether it is well.
    pub ok: bool,
    /// What was found.
    #[serde(default)]
    pub detail: Option<String>,
    /// What to run.
    #[serde(default)]
    pub fix: Option<String>,
}

/// An interval as the database reads it.
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

    /// Whether the database answers.
    ///
    /// # Errors
    /// Where it does not.
    pub async fn answers(&self) -> Result<(), Fault> {
        self.text(query!("answers"), &[]).await.map(drop)
    }

    /// Requests that wait, for this bridge alone until the lease ends.
    ///
    /// # Errors
    /// As all calls: where the database cannot be reached, or refuses.
    pub async fn claim_requests(&self, most: usize, lease: Duration) -> Result<Vec<Claimed>, Fault> {
        let most = i32::try_from(most).unwrap_or(i32::MAX);
        let lease = interval(lease);
        self.all(query!("claim_requests"), &[(&most, Type::INT4), text(&lease)]).await
    }

    /// Has a request tried again later.
    ///
    /// # Errors
    /// As all calls.
    pub async fn postpone(&self, session: &str, delay: Duration, why: &str) -> Result<(), Fault> {
        let delay = interval(delay);
        self.rows(query!("postpone_request"), &[text(&session), text(&delay), text(&why)]).await.map(drop)
    }

    /// Records what Stripe answered.
    ///
    /// # Errors
    /// As all calls; also where the answer belongs to another session.
    pub async fn record_response(&self, session: &str, answer: &str) -> Result<(), Fault> {
        self.rows(query!("record_response"), &[text(&session), text(&answer)]).await.map(drop)
    }

    /// Records that a request failed for good.
    ///
    /// # Errors
    /// As all calls.
    pub async fn record_error(&self, session: &str, why: &str) -> Result<(), Fault> {
        self.rows(query!("record_error"), &[text(&session), text(&why)]).await.map(drop)
    }

    /// Lists that purchases wait for.
    ///
    /// # Errors
    /// As all calls.
    pub async fn claim_reads(&self, most: i32, lease: Duration) -> Result<Vec<Read>, Fault> {
        let lease = interval(lease);
        self.all(query!("claim_reads"), &[(&most, Type::INT4), text(&lease)]).await
    }

    /// Projects objects that were fetched since `as_of`, which is in seconds since 1970.
    ///
    /// # Errors
    /// As all calls.
    pub async fn sync_objects(&self, environment: Environment, objects: &str, as_of: f64) -> Result<Synced, Fault> {
        let environment = environment.name();
        let params = [text(&environment), text(&objects), (&as_of, Type::FLOAT8)];
        self.json(query!("sync_objects"), &params).await
    }

    /// Receives one delivery. When this returns, it is committed.
    ///
    /// # Errors
    /// As all calls; also where the signature is wrong, or the body is no event.
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

    /// Receives many deliveries in one transaction, and tells of each what came of it.
    ///
    /// # Errors
    /// As all calls.
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

    /// Applies an event that Stripe's API returned.
    ///
    /// # Errors
    /// As all calls; also where it is no event.
    pub async fn apply_event(&self, environment: Environment, event: &str) -> Result<Received, Fault> {
        self.json(query!("apply_event"), &[text(&environment.name()), text(&event)]).await
    }

    /// The event types that change rows.
    ///
    /// # Errors
    /// As all calls.
    pub async fn event_types(&self) -> Result<Vec<String>, Fault> {
        self.json(query!("event_types"), &[]).await
    }

    /// The event from which reading goes on.
    ///
    /// # Errors
    /// As all calls.
    pub async fn events_cursor(&self, environment: Environment) -> Result<Option<String>, Fault> {
        self.text(query!("events_cursor"), &[text(&environment.name())]).await
    }

    /// Remembers it.
    ///
    /// # Errors
    /// As all calls.
    pub async fn set_events_cursor(&self, environment: Environment, event: &str) -> Result<(), Fault> {
        self.rows(query!("set_events_cursor"), &[text(&environment.name()), text(&event)]).await.map(drop)
    }

    /// What is recorded of an environment.
    ///
    /// # Errors
    /// As all calls.
    pub async fn recorded(&self, environment: Environment) -> Result<Recorded, Fault> {
        self.json(query!("connection"), &[text(&environment.name())]).await
    }

    /// The version of Stripe's API that requests are written in.
    ///
    /// # Errors
    /// As all calls.
    pub async fn stripe_version(&self) -> Result<String, Fault> {
        Ok(self.text(query!("stripe_version"), &[]).await?.unwrap_or_default())
    }

    /// Whether an event that this version rendered came since the endpoint was made.
    ///
    /// # Errors
    /// As all calls.
    pub async fn event_of_version_came(&self, environment: Environment, version: &str) -> Result<bool, Fault> {
        let came = self.text(query!("event_of_version_came"), &[text(&environment.name()), text(&version)]).await?;
        Ok(came.as_deref() == Some("true"))
    }

    /// Sets a webhook secret, as a parameter, and keeps the statement out of the server's log where the role may. Tells
    /// whether it could.
    ///
    /// # Errors
    /// As all calls.
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
        let (hidden, _) = self.rows_after(query!("keep_out_of_log"), query!("set_secret"), &params).await?;
        Ok(hidden)
    }

    /// Says which account is the environment's own.
    ///
    /// # Errors
    /// As all calls.
    pub async fn set_account(&self, environment: Environment, account: &str) -> Result<(), Fault> {
        self.rows(query!("set_account"), &[text(&environment.name()), text(&account)]).await.map(drop)
    }

    /// Records the endpoint that Stripe posts to.
    ///
    /// # Errors
    /// As all calls.
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

    /// Where a back-fill of a resource goes on.
    ///
    /// # Errors
    /// As all calls.
    pub async fn sync_position(&self, environment: Environment, resource: &str) -> Result<Option<String>, Fault> {
        self.text(query!("sync_position"), &[text(&environment.name()), text(&resource)]).await
    }

    /// Records how far it is.
    ///
    /// # Errors
    /// As all calls.
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

    /// Those of some events that were not processed.
    ///
    /// # Errors
    /// As all calls.
    pub async fn unknown_events(&self, environment: Environment, ids: &[String]) -> Result<Vec<String>, Fault> {
        self.all(query!("unknown_events"), &[text(&environment.name()), (&ids, Type::TEXT_ARRAY)]).await
    }

    /// What `payments.doctor()` finds.
    ///
    /// # Errors
    /// As all calls.
    pub async fn findings(&self) -> Result<Vec<Finding>, Fault> {
        self.all(query!("findings"), &[]).await
    }
}

/// How far a back-fill of a resource is.
#[derive(Debug, Clone, Copy)]
pub struct SyncStep<'a> {
    /// Which resource.
    pub resource: &'a str,
    /// The last object that was synced.
    pub cursor: Option<&'a str>,
    /// How many were, in all.
    pub objects: i64,
    /// Whether that was the last.
    pub finished: bool,
    /// What went wrong.
    pub error: Option<&'a str>,
}
