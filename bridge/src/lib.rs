//! `payments-bridge` connects the database with Stripe. It sends the requests that the database describes to Stripe,
//! records the responses, and passes Stripe's events to the database. The bridge has the API keys. The database makes
//! every decision about money.

pub mod environment;

pub mod stripe;

pub mod database;

pub mod cli;
pub mod config;
pub mod log;
pub mod metrics;

pub mod doctor;
pub mod serve;
pub mod setup;
pub mod sync;
