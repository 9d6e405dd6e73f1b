//! What prices give: each line is asked for once in a backend's life, and kept until a benefit or a price's product changes.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use payments_core::fulfil::promise::{Benefit, own_first};
use pgrx::prelude::*;
use serde::Deserialize;

use super::known;
use crate::db::{later_by, our_table, sees_the_newest, statement, text};

statement!(FIND_BENEFITS, "find_benefits");
statement!(PRODUCTS_GIVE, "products_give");

/// Something bought: its price, how many of it, and its product where that is known.
pub(super) type Line = (String, i64, Option<String>);

type Known = Rc<Vec<Benefit>>;

/// How many lines are kept; of a larger catalog those that came last.
const KEPT: usize = 1000;

thread_local! {
    /// By environment and line.
    static KNOWN: RefCell<HashMap<(String, Line), Known>> = RefCell::new(HashMap::new());
}

/// What lines give as this backend knows it, counted from `start` (microseconds since 1970).
pub(super) fn of_lines(environment: &str, lines: &[Line], start: i64) -> Vec<Benefit> {
    // A snapshot that stays as it was must not see what others have changed since.
    if !sees_the_newest() {
        return of_lines_now(environment, lines, start);
    }
    // SAFETY: what the server does before it opens a table. It calls `forget` where something changed.
    unsafe { pg_sys::AcceptInvalidationMessages() };
    let benefits = lines.iter().flat_map(|line| kept_or_found(environment, line).as_ref().clone()).collect();
    counted(environment, benefits, start)
}

/// The same as the tables say now.
pub(super) fn of_lines_now(environment: &str, lines: &[Line], start: i64) -> Vec<Benefit> {
    counted(environment, lines.iter().flat_map(|line| find(environment, line)).collect(), start)
}

/// Something changed that decides what prices give.
pub(super) fn forget() {
    KNOWN.with_borrow_mut(HashMap::clear);
}

fn kept_or_found(environment: &str, line: &Line) -> Known {
    let line = (environment.to_owned(), line.clone());
    if let Some(known) = KNOWN.with_borrow(|known| known.get(&line).cloned()) {
        return known;
    }
    known::watch(&[our_table(c"benefits"), our_table(c"prices")]);
    let before = known::changes();
    let found = Rc::new(find(environment, &line.1));
    // A product that is unknown becomes known without anything that could be changed for it.
    if before == known::changes() && found.iter().all(|benefit| !benefit.unknown) {
        KNOWN.with_borrow_mut(|known| {
            if known.len() >= KEPT {
                known.clear();
            }
            known.insert(line, Rc::clone(&found));
        });
    }
    found
}

fn find(environment: &str, (price, quantity, product): &Line) -> Vec<Benefit> {
    FIND_BENEFITS.all(&[text(environment), text(price.as_str()), (*quantity).into(), text(product.as_deref())])
}

/// Says until when each lasts, and puts a price's own before its product's.
fn counted(environment: &str, mut benefits: Vec<Benefit>, start: i64) -> Vec<Benefit> {
    for benefit in &mut benefits {
        benefit.expires_at = benefit.lasts.as_deref().map(|lasts| later_by(start, lasts));
    }
    own_first(&mut benefits);
    if benefits.iter().any(|benefit| benefit.unknown)
        && let Some(products) = PRODUCTS_GIVE.one::<Products>(&[text(environment)])
    {
        for benefit in benefits.iter_mut().filter(|benefit| benefit.unknown) {
            (benefit.unknown_credits, benefit.unknown_keys) = (products.credits, products.keys);
        }
    }
    benefits
}

/// Whether a line whose product is unknown may be missing something.
#[derive(Deserialize)]
struct Products {
    credits: bool,
    keys: bool,
}
