//! Stripe's API keys.

use secrecy::{ExposeSecret as _, SecretString};

use crate::environment::Environment;

/// An API key of a known environment. No output shows it.
#[derive(Debug, Clone)]
pub struct Key(SecretString);

/// Why a text is not a key of the expected environment. The message does not show the text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    /// The text does not have the form of an API key.
    #[error(
        "the {0} key is not a Stripe API key: it must begin with sk_{0}_ or rk_{0}_, and contain only letters, digits and underscores"
    )]
    Malformed(Environment),
    /// The key belongs to the other environment.
    #[error("the {0} key belongs to the other environment")]
    OtherEnvironment(Environment),
}

impl Key {
    /// Checks that the text is a key of this environment. White space around the key is removed.
    ///
    /// # Errors
    /// If the text is not an API key, or a key of the other environment.
    pub fn new(environment: Environment, text: &SecretString) -> Result<Self, KeyError> {
        let key = text.expose_secret().trim();
        let rest = |environment: Environment| {
            ["sk", "rk"].iter().find_map(|kind| key.strip_prefix(&format!("{kind}_{environment}_")))
        };
        if Environment::ALL.into_iter().any(|other| other != environment && rest(other).is_some()) {
            return Err(KeyError::OtherEnvironment(environment));
        }
        match rest(environment) {
            Some(rest) if !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {
                Ok(Self(SecretString::from(key.to_owned())))
            }
            _ => Err(KeyError::Malformed(environment)),
        }
    }

    /// The text of the key, for the HTTP header.
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::{Environment, Key, KeyError, SecretString};

    fn key(environment: Environment, text: &str) -> Result<Key, KeyError> {
        Key::new(environment, &SecretString::from(text.to_owned()))
    }

    #[test]
    fn a_key_belongs_to_its_environment() {
        assert!(key(Environment::Test, "sk_test_abc123\n").is_ok());
        assert!(key(Environment::Live, "rk_live_abc").is_ok());
        assert_eq!(key(Environment::Test, "sk_live_abc").err(), Some(KeyError::OtherEnvironment(Environment::Test)));
        assert_eq!(key(Environment::Live, "rk_test_abc").err(), Some(KeyError::OtherEnvironment(Environment::Live)));
        for wrong in ["", "sk_test_", "pk_test_abc", "sk_test_a b", "whsec_abc", "sk_test_a\r\nb"] {
            assert_eq!(key(Environment::Test, wrong).err(), Some(KeyError::Malformed(Environment::Test)), "{wrong}");
        }
    }

    #[test]
    fn no_output_shows_the_key() {
        let shown = format!("{:?}", key(Environment::Test, "sk_test_RECOGNIZABLE"));
        assert!(!shown.contains("RECOGNIZABLE"), "{shown}");
        let error = key(Environment::Live, "sk_test_RECOGNIZABLE").map_err(|e| e.to_string());
        assert!(!format!("{error:?}").contains("RECOGNIZABLE"));
    }
}
