//! Connections to the database: made when they are needed, kept while they are good.
//!
//! Statements are sent with the types of their parameters and are not prepared, so a pooler in transaction mode may stand
//! between. A call returns after its transaction has committed: the server says so last, and the call waits for that.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, Connection, Row, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::fault::Fault;

/// A parameter with its type.
pub type Param<'a> = (&'a (dyn ToSql + Sync), Type);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than any call of a bridge should take.
const CALL_TIMEOUT: Duration = Duration::from_secs(300);

/// The stream of a connection.
pub type Stream = <MakeRustlsConnect as tokio_postgres::tls::MakeTlsConnect<Socket>>::Stream;

/// Some connections to one database.
pub struct Pool {
    config: Config,
    tls: MakeRustlsConnect,
    idle: Mutex<Vec<Client>>,
    permits: Semaphore,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pool").finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool of at most so many connections. `password` is for an address that has none. `authority` is a file of certificates that the database's own must descend
    /// from; without it, the machine's are taken.
    ///
    /// # Errors
    /// Where the address or the file cannot be read. The address, which may hold a password, is not shown.
    pub fn new(
        address: &SecretString,
        password: Option<SecretString>,
        authority: Option<&str>,
        most: usize,
    ) -> anyhow::Result<Self> {
        let mut config = read_address(address)?;
        if let (None, Some(password)) = (config.get_password(), password) {
            config.password(password.expose_secret());
        }
        config
            .application_name("payments-bridge")
            .connect_timeout(CONNECT_TIMEOUT)
            .keepalives_idle(Duration::from_secs(60))
            .tcp_user_timeout(Duration::from_secs(60));
        let tls = MakeRustlsConnect::new(
            rustls::ClientConfig::builder().with_root_certificates(authorities(authority)?).with_no_client_auth(),
        );
        Ok(Self { config, tls, idle: Mutex::default(), permits: Semaphore::new(most.max(1)) })
    }

    /// A connection of its own, to listen with.
    ///
    /// # Errors
    /// Where the database cannot be reached.
    pub async fn connect(&self) -> Result<(Client, Connection<Socket, Stream>), Fault> {
        // Some ways to fail, such as a name server that does not answer, know no timeout of their own.
        match timeout(CONNECT_TIMEOUT * 2, self.config.connect(self.tls.clone())).await {
            Ok(connected) => Ok(connected?),
            Err(_) => Err(Fault::Unreachable("no connection in time".to_owned())),
        }
    }

    /// Runs one statement, and returns its rows after it has committed.
    ///
    /// # Errors
    /// Where the database cannot be reached, or refuses.
    pub async fn rows(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Fault> {
        let _permit = self.permits.acquire().await.map_err(|_| Fault::Unreachable("it is closed".to_owned()))?;
        let client = self.client().await?;
        let rows = match timeout(CALL_TIMEOUT, client.query_typed(sql, params)).await {
            Ok(rows) => rows?,
            Err(_) => return Err(Fault::Unreachable("no answer in time".to_owned())),
        };
        self.keep(client);
        Ok(rows)
    }

    /// Runs a statement in a transaction after another whose failure does not matter.
    ///
    /// # Errors
    /// Where the second fails.
    pub async fn rows_after(&self, first: &str, sql: &str, params: &[Param<'_>]) -> Result<(bool, Vec<Row>), Fault> {
        let _permit = self.permits.acquire().await.map_err(|_| Fault::Unreachable("it is closed".to_owned()))?;
        let mut client = self.client().await?;
        let mut transaction = client.transaction().await?;
        let savepoint = transaction.savepoint("prepared").await?;
        let prepared = savepoint.query_typed(first, &[]).await.is_ok();
        if prepared {
            savepoint.commit().await?;
        } else {
            savepoint.rollback().await?;
        }
        let rows = transaction.query_typed(sql, params).await?;
        transaction.commit().await?;
        self.keep(client);
        Ok((prepared, rows))
    }

    async fn client(&self) -> Result<Client, Fault> {
        loop {
            let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match kept {
                Some(client) if client.is_closed() => {}
                Some(client) => return Ok(client),
                None => break,
            }
        }
        let (client, connection) = self.connect().await?;
        tokio::spawn(async move {
            // The call that uses the connection is told what went wrong with it.
            let _ = connection.await;
        });
        Ok(client)
    }

    fn keep(&self, client: Client) {
        if !client.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
        }
    }
}

/// Reads an address. Where TLS is used, certificate and name are always checked, so `verify-full` says no more than `require`.
fn read_address(address: &SecretString) -> anyhow::Result<Config> {
    let said = address.expose_secret();
    anyhow::ensure!(!said.contains("sslrootcert"), "sslrootcert is given as PAYMENTS_BRIDGE_DATABASE_CA here");
    let said = SecretString::from(
        said.replace("sslmode=verify-full", "sslmode=require").replace("sslmode=verify-ca", "sslmode=require"),
    );
    let mut config: Config = said
        .expose_secret()
        .parse()
        .map_err(|_| anyhow::anyhow!("the database's address is neither a URL nor a list of key=value"))?;
    let is_here = |host: &Host| match host {
        Host::Tcp(name) => ["localhost", "127.0.0.1", "::1"].contains(&name.as_str()),
        Host::Unix(_) => true,
    };
    // A server on this machine often has a certificate that nobody signed, and nobody stands between.
    if config.get_ssl_mode() == SslMode::Prefer && config.get_hosts().iter().all(is_here) {
        config.ssl_mode(SslMode::Disable);
    }
    Ok(config)
}

fn authorities(file: Option<&str>) -> anyhow::Result<rustls::RootCertStore> {
    let mut roots = rustls::RootCertStore::empty();
    if let Some(file) = file {
        let pem = std::fs::read(file).with_context(|| format!("cannot read the certificates in {file}"))?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.with_context(|| format!("{file} holds no certificates"))?;
            roots.add(certificate).with_context(|| format!("a certificate of {file} is none"))?;
        }
        anyhow::ensure!(!roots.is_empty(), "{file} holds no certificates");
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::{SecretString, SslMode, read_address};

    #[test]
    fn tls_is_for_other_machines() -> anyhow::Result<()> {
        for (address, mode) in [
            ("postgres://bridge@localhost/shop", SslMode::Disable),
            ("host=/run/postgresql dbname=shop", SslMode::Disable),
            ("postgres://bridge@localhost/shop?sslmode=require", SslMode::Require),
            ("postgres://bridge@db.example.com/shop", SslMode::Prefer),
            ("postgres://bridge@db.example.com/shop?sslmode=verify-full", SslMode::Require),
        ] {
            assert_eq!(read_address(&SecretString::from(address.to_owned()))?.get_ssl_mode(), mode, "{address}");
        }
        Ok(())
    }

    #[test]
    fn an_address_that_is_none_is_not_shown() {
        for address in ["postgres://u:RECOGNIZABLE@h:x/d", "RECOGNIZABLE", "host=h sslrootcert=RECOGNIZABLE"] {
            let refused = read_address(&SecretString::from(address.to_owned())).map(drop);
            let shown = format!("{refused:?}");
            assert!(refused.is_err() && !shown.contains("RECOGNIZABLE"), "{shown}");
        }
    }
}
