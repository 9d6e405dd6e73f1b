//! `payments-bridge`: the program beside the database. It sends the requests that the database describes to Stripe, records
//! the answers, and passes Stripe's events on. Every decision about money is the database's; the bridge holds the API keys.

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
