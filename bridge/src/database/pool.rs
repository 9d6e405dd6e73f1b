//! A connection pool. It opens connections on demand and reuses them until they close.
//!
//! Statements are not prepared but sent with the types of their parameters, so that they work through a pooler in
//! transaction mode. A call returns after its transaction has committed, because it waits for the server to report the
//! end of the statement.

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
/// Longer than any call should take.
const CALL_TIMEOUT: Duration = Duration::from_secs(300);

/// The TLS stream of a connection.
pub type Stream = <MakeRustlsConnect as tokio_postgres::tls::MakeTlsConnect<Socket>>::Stream;

/// A pool of connections to one database.
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
    /// A pool of at most `max` connections, or one if `max` is 0. No connection is opened yet. `password` is used if
    /// the address has none. `authority` is a file of CA certificates that the server's certificate is checked against;
    /// the default is the operating system's certificates.
    ///
    /// # Errors
    /// If the address or the file cannot be read. The error does not show the address, which may contain a password.
    pub fn new(
        address: &SecretString,
        password: Option<SecretString>,
        authority: Option<&str>,
        max: usize,
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
        Ok(Self { config, tls, idle: Mutex::default(), permits: Semaphore::new(max.max(1)) })
    }

    /// Opens a connection outside the pool, to listen for notifications.
    ///
    /// # Errors
    /// If the database cannot be reached.
    pub async fn connect(&self) -> Result<(Client, Connection<Socket, Stream>), Fault> {
        // The driver's own timeout does not cover every step; it does not limit a DNS lookup, for example.
        match timeout(CONNECT_TIMEOUT * 2, self.config.connect(self.tls.clone())).await {
            Ok(connected) => Ok(connected?),
            Err(_) => Err(Fault::Unreachable("no connection in time".to_owned())),
        }
    }

    /// Runs one statement, and returns its rows after the transaction has committed.
    ///
    /// # Errors
    /// If the database cannot be reached or raises an error.
    pub async fn rows(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Fault> {
        let _permit = self.permits.acquire().await.map_err(|_| Fault::Unreachable("it is closed".to_owned()))?;
        let client = self.client().await?;
        let rows = match timeout(CALL_TIMEOUT, client.query_typed(sql, params)).await {
            Ok(rows) => rows?,
            Err(_) => return Err(Fault::Unreachable("no answer in time".to_owned())),
        };
        self.put_back(client);
        Ok(rows)
    }

    /// Runs two statements in one transaction. `optional` may fail: then only its own changes are rolled back. Returns
    /// whether `optional` succeeded, and the rows of `sql`.
    ///
    /// # Errors
    /// If `sql` fails.
    pub async fn rows_after_optional(
        &self,
        optional: &str,
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<(bool, Vec<Row>), Fault> {
        let _permit = self.permits.acquire().await.map_err(|_| Fault::Unreachable("it is closed".to_owned()))?;
        let mut client = self.client().await?;
        let mut transaction = client.transaction().await?;
        let savepoint = transaction.savepoint("optional").await?;
        let succeeded = savepoint.query_typed(optional, &[]).await.is_ok();
        if succeeded {
            savepoint.commit().await?;
        } else {
            savepoint.rollback().await?;
        }
        let rows = transaction.query_typed(sql, params).await?;
        transaction.commit().await?;
        self.put_back(client);
        Ok((succeeded, rows))
    }

    async fn client(&self) -> Result<Client, Fault> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match idle {
                Some(client) if client.is_closed() => {}
                Some(client) => return Ok(client),
                None => break,
            }
        }
        let (client, connection) = self.connect().await?;
        tokio::spawn(async move {
            // The call that uses the connection gets its error.
            let _ = connection.await;
        });
        Ok(client)
    }

    fn put_back(&self, client: Client) {
        if !client.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
        }
    }
}

/// Parses an address. The certificate and host name are checked whenever TLS is used, so `verify-full` and `verify-ca`
/// mean the same as `require`, which is the strictest mode that the driver knows.
fn read_address(address: &SecretString) -> anyhow::Result<Config> {
    let text = address.expose_secret();
    anyhow::ensure!(!text.contains("sslrootcert"), "sslrootcert is not supported: set PAYMENTS_BRIDGE_DATABASE_CA");
    let text = SecretString::from(
        text.replace("sslmode=verify-full", "sslmode=require").replace("sslmode=verify-ca", "sslmode=require"),
    );
    let mut config: Config = text
        .expose_secret()
        .parse()
        .map_err(|_| anyhow::anyhow!("the database address is neither a URL nor a list of key=value pairs"))?;
    let is_local = |host: &Host| match host {
        Host::Tcp(name) => ["localhost", "127.0.0.1", "::1"].contains(&name.as_str()),
        Host::Unix(_) => true,
    };
    // A local server often has a self-signed certificate, which the check would reject, and local traffic needs no TLS.
    if config.get_ssl_mode() == SslMode::Prefer && config.get_hosts().iter().all(is_local) {
        config.ssl_mode(SslMode::Disable);
    }
    Ok(config)
}

fn authorities(file: Option<&str>) -> anyhow::Result<rustls::RootCertStore> {
    let mut roots = rustls::RootCertStore::empty();
    if let Some(file) = file {
        let pem = std::fs::read(file).with_context(|| format!("cannot read the certificates in {file}"))?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.with_context(|| format!("{file} does not contain PEM certificates"))?;
            roots.add(certificate).with_context(|| format!("{file} contains an invalid certificate"))?;
        }
        anyhow::ensure!(!roots.is_empty(), "{file} contains no certificates");
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::{SecretString, SslMode, read_address};

    #[test]
    fn tls_is_off_for_a_local_server() -> anyhow::Result<()> {
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
    fn an_error_does_not_show_the_address() {
        for address in ["postgres://u:RECOGNIZABLE@h:x/d", "RECOGNIZABLE", "host=h sslrootcert=RECOGNIZABLE"] {
            let refused = read_address(&SecretString::from(address.to_owned())).map(drop);
            let shown = format!("{refused:?}");
            assert!(refused.is_err() && !shown.contains("RECOGNIZABLE"), "{shown}");
        }
    }
}
