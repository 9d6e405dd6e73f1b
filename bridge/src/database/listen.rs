//! Listens for notifications of waiting requests.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::{Notify, mpsc};
use tokio_postgres::AsyncMessage;

use super::fault::Fault;
use super::pool::Pool;

/// How often the connection is checked, so that a dead one is noticed. Meanwhile the sender finds requests by polling.
const CHECK_EVERY: Duration = Duration::from_secs(60);

/// Listens until the connection is lost. It wakes the sender for each notification, and once at the start, because
/// notifications that were sent before are lost.
///
/// # Errors
/// Always: why the connection could not be opened, or was lost.
pub async fn listen(pool: &Pool, wake: &Arc<Notify>) -> Result<(), Fault> {
    let (client, mut connection) = pool.connect().await?;
    let (notify, mut notifications) = mpsc::channel::<()>(1);
    let reading = tokio::spawn(async move {
        let mut messages = futures_util::stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(message) = messages.next().await {
            if let AsyncMessage::Notification(_) = message? {
                // The channel holds one notification; more would not change what the sender does.
                let _ = notify.try_send(());
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
            () = tokio::time::sleep(CHECK_EVERY) => {
                let checked = tokio::time::timeout(CHECK_EVERY / 4, client.simple_query("")).await;
                checked.map_err(|_| Fault::Unreachable("the listening connection is dead".to_owned()))??;
            }
        }
    }
    match reading.await {
        Ok(Err(error)) => Err(error.into()),
        _ => Err(Fault::Unreachable("the listening connection was closed".to_owned())),
    }
}
