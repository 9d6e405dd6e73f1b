//! Tests the pure crate from outside: every object in every shape of Stripe's API, and the same rows in every order.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::pedantic)]
#![allow(clippy::cloned_ref_to_slice_refs, reason = "a set of one reads as one")]

mod adopted;
mod amounts;
mod columns;
mod convergence;
mod corpus;
mod facts;
mod fold;
mod invoices;
mod line_items;
mod lives;
mod make;
mod mapping;
mod mirror;
mod notices;
mod refunds;
mod reviews;
mod shapes_catalog;
mod shapes_invoice;
mod shapes_payment;
mod snapshot;
