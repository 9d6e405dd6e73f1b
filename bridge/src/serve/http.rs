//! The HTTP server: the webhook endpoints, `/health` and `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tower_http::timeout::TimeoutLayer;

use super::context::Context;
use super::webhooks::{MAX_BODY, Queue};
use crate::environment::Environment;
use crate::metrics::Activity;

const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);
/// The time limit of a request, including the transfer of its body and the wait for the database.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Debug)]
struct Served {
    context: Context,
    test: Queue,
    live: Queue,
}

/// Runs the HTTP server until the bridge shuts down and all open requests have a response. A sender that has not
/// finished its request within `REQUEST_TIMEOUT` after the shutdown is disconnected.
///
/// # Errors
/// If the listener fails.
pub async fn serve(context: Context, listener: TcpListener, test: Queue, live: Queue) -> anyhow::Result<()> {
    let shutdown = context.shutdown.clone();
    let served = Arc::new(Served { context, test, live });
    let routes = Router::new()
        .route("/stripe/test", post(test_webhook))
        .route("/stripe/live", post(live_webhook))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
        .with_state(served);
    let graceful = shutdown.clone();
    let serving = axum::serve(listener, routes).with_graceful_shutdown(async move { graceful.requested().await });
    tokio::select! {
        served = async { serving.await } => served.context("the HTTP server failed"),
        () = async {
            shutdown.requested().await;
            sleep(REQUEST_TIMEOUT).await;
        } => Ok(()),
    }
}

async fn test_webhook(State(served): State<Arc<Served>>, headers: HeaderMap, body: Bytes) -> Response {
    webhook(&served.context, &served.test, &headers, body).await
}

async fn live_webhook(State(served): State<Arc<Served>>, headers: HeaderMap, body: Bytes) -> Response {
    webhook(&served.context, &served.live, &headers, body).await
}

async fn webhook(context: &Context, queue: &Queue, headers: &HeaderMap, body: Bytes) -> Response {
    let response = queue.deliver(context, headers, body).await;
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(response.body)).into_response()
}

/// Responds with 200 if the database can be reached, else 503. The body says when each activity last succeeded.
async fn health(State(served): State<Arc<Served>>) -> Response {
    let context = &served.context;
    let database = match timeout(HEALTH_TIMEOUT, context.database.ping()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err("cannot be reached"),
    };
    let mut environments = Map::new();
    for environment in Environment::ALL {
        let last: Map<String, Value> = Activity::ALL
            .into_iter()
            .filter_map(|activity| {
                Some((activity.name().to_owned(), json!(context.metrics.last_success(environment, activity)?)))
            })
            .collect();
        let state = json!({
            "key": context.stripe(environment).is_some(),
            "last_success": last,
            "must_sync": context.metrics.must_sync(environment),
        });
        environments.insert(environment.name().to_owned(), state);
    }
    let status = if database.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body =
        json!({ "ok": database.is_ok(), "database": database.err().unwrap_or("ok"), "environments": environments });
    (status, Json(body)).into_response()
}

async fn metrics(State(served): State<Arc<Served>>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], served.context.metrics.text()).into_response()
}
