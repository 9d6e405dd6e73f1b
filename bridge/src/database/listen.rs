//! Hears of sessions that wait.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::{Notify, mpsc};
use tokio_postgres::AsyncMessage;

use super::fault::Fault;
use super::pool::Pool;

/// How long a connection that went away unnoticed stays unnoticed, at most. A slow poll stands beside it.
const ASK_EVERY: Duration = Duration::from_secs(60);

/// Listens until the connection is lost, and wakes somebody for each notification, and once at its beginning: what was
/// announced before would be missed.
///
/// # Errors
/// Always at last: why the connection was lost.
pub async fn listen(pool: &Pool, wake: &Arc<Notify>) -> Result<(), Fault> {
    let (client, mut connection) = pool.connect().await?;
    let (heard, mut notifications) = mpsc::channel::<()>(1);
    let reading = tokio::spawn(async move {
        let mut messages = futures_util::stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(message) = messages.next().await {
            if let AsyncMessage::Notification(_) = message? {
                // One that waits to be taken says as much as many.
                let _ = heard.try_send(());
            }
        }
        Ok::<(), tokio_postgres::Error>(())
    });
    client.batch_execute("listen payments_sessions").await?;
    wake.notify_one();
    loop {
        tokio::select! {
            notified = notifications.recv() => match notified {
                Some(()) => wake.notify_one(),
                None => break,
            },
            () = tokio::time::sleep(ASK_EVERY) => {
                let answered = tokio::time::timeout(ASK_EVERY / 4, client.simple_query("")).await;
                answered.map_err(|_| Fault::Unreachable("the listening connection is dead".to_owned()))??;
            }
        }
    }
    match reading.await {
        Ok(Err(error)) => Err(error.into()),
        _ => Err(Fault::Unreachable("the listening connection was closed".to_owned())),
    }
}
