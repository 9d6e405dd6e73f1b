//! What goes wrong with the database.

use std::error::Error as _;

/// Why a call of the database did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It could not be reached, or did not answer.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// It refused.
    #[error("{sqlstate}: {message}{}", rest(.detail.as_deref(), .hint.as_deref()))]
    Refused {
        /// The SQLSTATE.
        sqlstate: String,
        /// What.
        message: String,
        /// With which values.
        detail: Option<String>,
        /// The next step.
        hint: Option<String>,
    },
    /// It answered with something else than it should.
    #[error("the database's answer is not what it should be: {0}")]
    Unexpected(String),
}

fn rest(detail: Option<&str>, hint: Option<&str>) -> String {
    [detail, hint].into_iter().flatten().fold(String::new(), |text, part| format!("{text} {part}"))
}

impl Fault {
    /// The SQLSTATE of a refusal.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Refused { sqlstate, .. } => Some(sqlstate),
            _ => None,
        }
    }

    /// Whether the same call may succeed later: the server went away, is full, is a standby, or another transaction was in
    /// the way.
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
        if let Some(said) = error.as_db_error() {
            return Self::Refused {
                sqlstate: said.code().code().to_owned(),
                message: said.message().to_owned(),
                detail: said.detail().map(str::to_owned),
                hint: said.hint().map(str::to_owned),
            };
        }
        let mut words = error.to_string();
        let mut cause = error.source();
        while let Some(deeper) = cause {
            words = format!("{words}: {deeper}");
            cause = deeper.source();
        }
        Self::Unreachable(words)
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
    fn what_passes_is_transient() {
        for sqlstate in ["57P01", "57014", "53100", "40P01", "08006", "25006"] {
            assert!(refused(sqlstate).is_transient(), "{sqlstate}");
        }
        for sqlstate in ["28000", "22023", "55000", "42501", "P0002"] {
            assert!(!refused(sqlstate).is_transient(), "{sqlstate}");
        }
        assert_eq!(refused("22023").to_string(), "22023: no Given: 1.");
    }
}
