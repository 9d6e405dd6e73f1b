//! Settings. A flag overrides the environment variable, which overrides the settings file.

use std::net::SocketAddr;

use anyhow::{Context as _, bail, ensure};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::cli::{Common, LogFormat, Serve};
use crate::database::pool::Pool;
use crate::environment::Environment;
use crate::stripe::client::Stripe;
use crate::stripe::key::Key;

/// Looks up an environment variable.
type Variable = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The environment variables and the settings file. Tests pass variables of their own.
pub struct Sources {
    variable: Box<Variable>,
    file: File,
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Sources").finish_non_exhaustive()
    }
}

/// The settings file. It contains no secrets, only the names of files that contain them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    database_url: Option<String>,
    database_url_file: Option<String>,
    database_ca: Option<String>,
    stripe_test_key_file: Option<String>,
    stripe_live_key_file: Option<String>,
    stripe_api_base: Option<String>,
    listen: Option<String>,
    poll: Option<bool>,
    concurrency: Option<usize>,
    connections: Option<usize>,
    log: Option<String>,
    log_format: Option<String>,
}

impl Sources {
    /// Reads the settings file that the flag or `PAYMENTS_BRIDGE_CONFIG` names. `variable` looks up an environment
    /// variable.
    ///
    /// # Errors
    /// If the file cannot be read, or has an unknown or malformed setting.
    pub fn new(
        common: &Common,
        variable: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let file = match common.config.clone().or_else(|| variable("PAYMENTS_BRIDGE_CONFIG")) {
            None => File::default(),
            Some(name) => {
                let text = std::fs::read_to_string(&name).with_context(|| format!("cannot read {name}"))?;
                // The parser's full error quotes the line, which may contain a secret.
                toml::from_str(&text)
                    .map_err(|error| anyhow::anyhow!("{name} cannot be read as settings: {}", error.message()))?
            }
        };
        Ok(Self { variable: Box::new(variable), file })
    }

    fn variable(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    fn number(&self, flag: Option<usize>, name: &str, file: Option<usize>, default: usize) -> anyhow::Result<usize> {
        let setting = match (flag, self.variable(name)) {
            (Some(flag), _) => Some(flag),
            (None, Some(text)) => Some(text.parse().with_context(|| format!("{name} is not a number"))?),
            (None, None) => file,
        };
        let number = setting.unwrap_or(default);
        ensure!((1..=1000).contains(&number), "{name} must be from 1 to 1000");
        Ok(number)
    }

    /// The log level and the log format.
    ///
    /// # Errors
    /// If the format is unknown.
    pub fn log(&self, common: &Common) -> anyhow::Result<(String, LogFormat)> {
        let level =
            common.log.clone().or_else(|| self.variable("PAYMENTS_BRIDGE_LOG")).or_else(|| self.file.log.clone());
        let setting = self.variable("PAYMENTS_BRIDGE_LOG_FORMAT").or_else(|| self.file.log_format.clone());
        let format = match (common.log_format, setting.as_deref()) {
            (Some(format), _) => format,
            (None, None | Some("plain")) => LogFormat::Plain,
            (None, Some("json")) => LogFormat::Json,
            (None, Some(_)) => bail!("the log format must be plain or json"),
        };
        Ok((level.unwrap_or_else(|| "info".to_owned()), format))
    }

    /// A connection pool for the database, with at most `connections` connections.
    ///
    /// # Errors
    /// If no address is set, if it is malformed, or if a flag or the settings file contains a password.
    pub fn database(&self, common: &Common, connections: usize) -> anyhow::Result<Pool> {
        let authority = common
            .database_ca
            .clone()
            .or_else(|| self.variable("PAYMENTS_BRIDGE_DATABASE_CA"))
            .or_else(|| self.file.database_ca.clone());
        let without_password = |address: &str| {
            ensure!(
                !contains_password(address),
                "others can read a password in a flag or in the settings file: set DATABASE_URL or DATABASE_URL_FILE"
            );
            Ok(SecretString::from(address.to_owned()))
        };
        let address = if let Some(flag) = &common.database_url {
            without_password(flag)?
        } else if let Some(address) = self.variable("DATABASE_URL") {
            SecretString::from(address)
        } else if let Some(file) = self.variable("DATABASE_URL_FILE").or_else(|| self.file.database_url_file.clone()) {
            secret_file(&file)?
        } else if let Some(address) = &self.file.database_url {
            without_password(address)?
        } else {
            bail!("no database: set DATABASE_URL, DATABASE_URL_FILE or --database-url")
        };
        Pool::new(&address, self.variable("PGPASSWORD").map(SecretString::from), authority.as_deref(), connections)
    }

    /// A Stripe client with the environment's key, or `None` if no key is set.
    ///
    /// # Errors
    /// If the key is malformed or belongs to the other environment, or if Stripe's base URL is invalid.
    pub fn stripe(&self, common: &Common, environment: Environment) -> anyhow::Result<Option<Stripe>> {
        let (name, file) = match environment {
            Environment::Test => ("STRIPE_TEST_KEY", &self.file.stripe_test_key_file),
            Environment::Live => ("STRIPE_LIVE_KEY", &self.file.stripe_live_key_file),
        };
        let key = match self.variable(name) {
            Some(key) => Some(SecretString::from(key)),
            None => self
                .variable(&format!("{name}_FILE"))
                .or_else(|| file.clone())
                .map(|file| secret_file(&file))
                .transpose()?,
        };
        let Some(key) = key else { return Ok(None) };
        let base = common
            .stripe_api_base
            .clone()
            .or_else(|| self.variable("STRIPE_API_BASE"))
            .or_else(|| self.file.stripe_api_base.clone())
            .unwrap_or_else(|| "https://api.stripe.com".to_owned());
        Ok(Some(Stripe::new(environment, &Key::new(environment, &key)?, &base)?))
    }

    /// A Stripe client with the environment's key, for a command that needs one.
    ///
    /// # Errors
    /// If no key is set, and as for [`Self::stripe`].
    pub fn required_stripe(&self, common: &Common, environment: Environment) -> anyhow::Result<Stripe> {
        let name = environment.name().to_uppercase();
        self.stripe(common, environment)?
            .with_context(|| format!("no {environment} key: set STRIPE_{name}_KEY or STRIPE_{name}_KEY_FILE"))
    }

    /// The settings of `serve`.
    ///
    /// # Errors
    /// If a setting is invalid.
    pub fn serve(&self, flags: &Serve) -> anyhow::Result<ServeSettings> {
        let listen = flags
            .listen
            .clone()
            .or_else(|| self.variable("PAYMENTS_BRIDGE_LISTEN"))
            .or_else(|| self.file.listen.clone())
            .unwrap_or_else(|| "127.0.0.1:8787".to_owned());
        let poll = match self.variable("PAYMENTS_BRIDGE_POLL").as_deref() {
            _ if flags.poll => true,
            None => self.file.poll.unwrap_or(false),
            Some("true" | "yes" | "on" | "1") => true,
            Some("false" | "no" | "off" | "0") => false,
            Some(_) => bail!("PAYMENTS_BRIDGE_POLL must be true or false"),
        };
        Ok(ServeSettings {
            listen: listen.parse().with_context(|| format!("{listen} is not an address of the form HOST:PORT"))?,
            poll,
            concurrency: self.number(flags.concurrency, "PAYMENTS_BRIDGE_CONCURRENCY", self.file.concurrency, 16)?,
            connections: self.number(flags.connections, "PAYMENTS_BRIDGE_CONNECTIONS", self.file.connections, 8)?,
        })
    }
}

/// The settings of `serve`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeSettings {
    /// The address of the HTTP server.
    pub listen: SocketAddr,
    /// Whether events are polled every few seconds.
    pub poll: bool,
    /// The number of concurrent requests to Stripe.
    pub concurrency: usize,
    /// The number of database connections, not counting the one that listens for notifications.
    pub connections: usize,
}

fn secret_file(name: &str) -> anyhow::Result<SecretString> {
    let text = SecretString::from(std::fs::read_to_string(name).with_context(|| format!("cannot read {name}"))?);
    Ok(SecretString::from(text.expose_secret().trim().to_owned()))
}

/// Whether a database address contains a password: `//user:password@host`, `?password=` or `password=`.
fn contains_password(address: &str) -> bool {
    let in_user = address.split_once("://").is_some_and(|(_, rest)| {
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
    });
    in_user || address.to_lowercase().contains("password")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::{Common, Environment, LogFormat, Serve, Sources, contains_password};

    fn sources(text: &str, variables: &'static [(&str, &str)]) -> anyhow::Result<Sources> {
        let name = std::env::temp_dir().join(format!("payments-bridge-{:x}.toml", fastrand::u64(..)));
        std::fs::File::create(&name)?.write_all(text.as_bytes())?;
        let common = Common { config: Some(name.display().to_string()), ..Common::default() };
        let found = Sources::new(&common, |name| {
            variables.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned())
        });
        std::fs::remove_file(&name)?;
        found
    }

    #[test]
    fn a_flag_overrides_the_environment_which_overrides_the_file() -> anyhow::Result<()> {
        let file = "listen = '127.0.0.1:1'\nconcurrency = 3\nconnections = 4\nlog_format = 'json'";
        let sources =
            sources(file, &[("PAYMENTS_BRIDGE_CONCURRENCY", "5"), ("PAYMENTS_BRIDGE_LISTEN", "127.0.0.1:2")])?;
        let settings = sources.serve(&Serve { listen: Some("127.0.0.1:3".to_owned()), ..Serve::default() })?;
        assert_eq!((settings.listen.port(), settings.concurrency, settings.connections), (3, 5, 4));
        assert_eq!(sources.log(&Common::default())?.1, LogFormat::Json);
        assert_eq!(
            sources.log(&Common { log_format: Some(LogFormat::Plain), ..Common::default() })?.1,
            LogFormat::Plain
        );
        Ok(())
    }

    #[test]
    fn a_key_in_the_file_is_refused_and_not_shown() {
        let wrong = sources("stripe_test_key = 'sk_test_RECOGNIZABLE'", &[]).map(drop);
        let shown = format!("{wrong:?}");
        assert!(wrong.is_err() && !shown.contains("RECOGNIZABLE"), "{shown}");
    }

    #[test]
    fn a_key_of_the_other_environment_is_refused() -> anyhow::Result<()> {
        let sources = sources("", &[("STRIPE_TEST_KEY", "sk_live_RECOGNIZABLE")])?;
        let refused = sources.stripe(&Common::default(), Environment::Test).map(drop);
        let shown = format!("{refused:?}");
        assert!(shown.contains("other environment") && !shown.contains("RECOGNIZABLE"), "{shown}");
        assert!(sources.stripe(&Common::default(), Environment::Live)?.is_none());
        Ok(())
    }

    #[test]
    fn plain_http_is_only_for_this_machine() -> anyhow::Result<()> {
        let sources = sources("", &[("STRIPE_TEST_KEY", "sk_test_abc")])?;
        let at = |base: &str| {
            let common = Common { stripe_api_base: Some(base.to_owned()), ..Common::default() };
            sources.stripe(&common, Environment::Test).is_ok()
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        assert!(at("http://127.0.0.1:1") && at("https://api.stripe.com"));
        assert!(!at("http://api.stripe.com") && !at("http://127.0.0.1.example.com") && !at("ftp://127.0.0.1"));
        Ok(())
    }

    #[test]
    fn a_password_in_an_address_is_found() {
        for address in ["postgres://u:p@h/d", "host=h password=p", "postgres://h/d?password=p"] {
            assert!(contains_password(address), "{address}");
        }
        for address in ["postgres://u@h:5432/d", "host=h user=u", "postgres://h:5432/d?application_name=a:b@c"] {
            assert!(!contains_password(address), "{address}");
        }
    }
}
