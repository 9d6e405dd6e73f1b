//! What prices give: each line is asked for once in a backend's life, and kept until a benefit or a price's product changes.

use std::cell::RefCell;
use std::rc::Rc;

use payments_core::fulfillment::benefit::{Benefit, prefer_price_over_product};
use serde::Deserialize;

use crate::pg::cache::{Cache, cached};
use crate::pg::catalog::payments_table;
use crate::pg::slot::slot;
use crate::pg::statement::{query, text};
use crate::pg::time::later_by;

query!(FIND_BENEFITS, "fulfillment_benefits", "find_benefits");
query!(PRODUCTS_GIVE, "fulfillment_benefits", "products_give");

/// Something bought: its price, how many of it, and its product where that is known.
pub(super) type Line = (String, i64, Option<String>);

type Benefits = Rc<Vec<Benefit>>;

/// What lines give, by environment and line.
#[derive(Default)]
struct OfLines(RefCell<Cache<(String, Line), Benefits>>);

/// What lines give as this backend knows it, counted from `start` (microseconds since 1970). `before_reading` is told each price that it
/// does not know.
pub(super) fn of_lines(environment: &str, lines: &[Line], start: i64, before_reading: impl Fn(&str)) -> Vec<Benefit> {
    let benefits = lines.iter().flat_map(|line| {
        let key = (environment.to_owned(), line.clone());
        let tables = [payments_table(c"benefits"), payments_table(c"prices")];
        let known = cached(&slot::<OfLines>().0, &tables, key, |(environment, line)| {
            before_reading(&line.0);
            let found = find(environment, line);
            // A product that is unknown becomes known without anybody being told.
            let keep = found.iter().all(|benefit| !benefit.unknown);
            (Rc::new(found), keep)
        });
        known.as_ref().clone()
    });
    counted(environment, benefits.collect(), start)
}

fn find(environment: &str, (price, quantity, product): &Line) -> Vec<Benefit> {
    FIND_BENEFITS.all(&[text(environment), text(price.as_str()), (*quantity).into(), text(product.as_deref())])
}

/// Says until when each lasts, and puts a price's own before its product's.
fn counted(environment: &str, mut benefits: Vec<Benefit>, start: i64) -> Vec<Benefit> {
    for benefit in &mut benefits {
        benefit.expires_at = benefit.duration.as_deref().map(|duration| later_by(start, duration));
    }
    prefer_price_over_product(&mut benefits);
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
