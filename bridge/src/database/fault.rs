//! Errors of database calls.

use std::error::Error as _;

/// Why a database call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The database could not be reached or did not respond in time.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// The database raised an error.
    #[error("{sqlstate}: {message}{}", rest(.detail.as_deref(), .hint.as_deref()))]
    Refused {
        /// The SQLSTATE.
        sqlstate: String,
        /// The error message.
        message: String,
        /// The DETAIL of the error.
        detail: Option<String>,
        /// The HINT of the error.
        hint: Option<String>,
    },
    /// The database returned a result that the bridge cannot read.
    #[error("the database returned an unexpected result: {0}")]
    Unexpected(String),
}

fn rest(detail: Option<&str>, hint: Option<&str>) -> String {
    [detail, hint].into_iter().flatten().fold(String::new(), |text, part| format!("{text} {part}"))
}

impl Fault {
    /// The SQLSTATE, if the database raised an error.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Refused { sqlstate, .. } => Some(sqlstate),
            _ => None,
        }
    }

    /// Whether the same call may succeed later: the server is unreachable, out of resources or a standby, or the call
    /// conflicted with another transaction.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Unexpected(_) => false,
            Self::Refused { sqlstate, .. } => {
                matches!(sqlstate.get(..2), Some("08" | "40" | "53" | "57" | "58"))
                    || matches!(sqlstate.as_str(), "25006" | "55P03" | "55006" | "XX000")
            }
        }
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(raised) = error.as_db_error() {
            return Self::Refused {
                sqlstate: raised.code().code().to_owned(),
                message: raised.message().to_owned(),
                detail: raised.detail().map(str::to_owned),
                hint: raised.hint().map(str::to_owned),
            };
        }
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(deeper) = cause {
            message = format!("{message}: {deeper}");
            cause = deeper.source();
        }
        Self::Unreachable(message)
    }
}

#[cfg(test)]
mod tests {
    use super::Fault;

    fn refused(sqlstate: &str) -> Fault {
        let detail = Some("Given: 1.".to_owned());
        Fault::Refused { sqlstate: sqlstate.to_owned(), message: "no".to_owned(), detail, hint: None }
    }

    #[test]
    fn faults_that_a_retry_can_fix_are_transient() {
        for sqlstate in ["57P01", "57014", "53100", "40P01", "08006", "25006"] {
            assert!(refused(sqlstate).is_transient(), "{sqlstate}");
        }
        for sqlstate in ["28000", "22023", "55000", "42501", "P0002"] {
            assert!(!refused(sqlstate).is_transient(), "{sqlstate}");
        }
        assert_eq!(refused("22023").to_string(), "22023: no Given: 1.");
    }
}
