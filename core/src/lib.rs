//! The part of payments that needs no database.
