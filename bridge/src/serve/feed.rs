//! Stripe's events of some types, read in the order in which they were made.
//!
//! Stripe lists events with the newest first, and takes at most 20 types a call. So all types are split into groups, and each
//! group is read forward from an event of its own (`ending_before`). Where nothing of the group is known yet, its beginning is
//! found by reading backward.
//!
//! Source: <https://docs.stripe.com/api/events/list>. Stripe keeps events for 30 days.

use std::collections::VecDeque;

use serde_json::json;
use serde_json::value::RawValue;

use crate::stripe::client::Stripe;
use crate::stripe::list::{self, Head, Page};
use crate::stripe::verdict::Reason;

/// The most types that Stripe takes in one call.
pub const TYPES_A_CALL: usize = 20;
const PATH: &str = "/v1/events";

/// An event as it came.
#[derive(Debug)]
pub struct Event {
    /// Its id, and when it was made.
    pub head: Head,
    /// Its JSON.
    pub json: Box<RawValue>,
}

/// The events of one group of types.
#[derive(Debug)]
pub struct Feed {
    types: Vec<String>,
    /// Read and not yet taken, the oldest first.
    waiting: VecDeque<Event>,
    /// The event after which reading goes on.
    after: Option<String>,
    has_more: bool,
    /// The last event that was too old, once one was found.
    before_all: Option<String>,
}

impl Feed {
    /// Groups of all types.
    #[must_use]
    pub fn of(types: &[String]) -> Vec<Self> {
        let group = |types: &[String]| Self {
            types: types.to_vec(),
            waiting: VecDeque::new(),
            after: None,
            has_more: false,
            before_all: None,
        };
        types.chunks(TYPES_A_CALL).map(group).collect()
    }

    /// Begins to read after an event of this group, or, without one, after all that are older than `since`.
    ///
    /// # Errors
    /// Where Stripe does not answer.
    pub async fn begin(&mut self, stripe: &Stripe, after: Option<&str>, since: i64) -> Result<(), Reason> {
        self.waiting.clear();
        self.after = after.map(str::to_owned).or_else(|| self.before_all.clone());
        self.has_more = true;
        if self.after.is_none() {
            return self.find_beginning(stripe, since).await;
        }
        match self.read(stripe).await {
            // The group was quiet for so long that Stripe has forgotten its last event.
            Err(reason) if reason.is_missing() => self.find_beginning(stripe, since).await,
            other => other,
        }
    }

    /// The oldest event that is not yet taken; none where all are.
    ///
    /// # Errors
    /// Where Stripe does not answer.
    pub async fn peek(&mut self, stripe: &Stripe) -> Result<Option<&Event>, Reason> {
        while self.waiting.is_empty() && self.has_more {
            self.read(stripe).await?;
        }
        Ok(self.waiting.front())
    }

    /// Takes that event.
    pub fn take(&mut self) -> Option<Event> {
        self.waiting.pop_front()
    }

    /// The next page forward.
    async fn read(&mut self, stripe: &Stripe) -> Result<(), Reason> {
        let mut params = json!({ "types": self.types });
        if let Some(after) = &self.after {
            params["ending_before"] = json!(after);
        }
        let page = list::page(stripe, PATH, &params).await?;
        self.add(page);
        Ok(())
    }

    fn add(&mut self, page: Page) {
        let count = page.data.len();
        self.waiting.extend(events(page.data).into_iter().rev());
        if let Some(newest) = self.waiting.back() {
            self.after = Some(newest.head.id.clone());
        }
        self.has_more = page.has_more && count > 0;
    }

    /// Reads backward to the newest event that is older than `since`, after which reading begins. Where Stripe has none so old,
    /// it begins with the oldest.
    async fn find_beginning(&mut self, stripe: &Stripe, since: i64) -> Result<(), Reason> {
        let mut params = json!({ "types": self.types });
        (self.after, self.before_all) = (None, None);
        loop {
            let page = list::page(stripe, PATH, &params).await?;
            let mut found = events(page.data);
            if let Some(older) = found.iter().find(|event| event.head.created < since) {
                self.before_all = Some(older.head.id.clone());
                self.after.clone_from(&self.before_all);
                return Ok(());
            }
            let Some(oldest) = found.pop() else {
                self.has_more = false;
                return Ok(());
            };
            if page.has_more {
                params["starting_after"] = json!(oldest.head.id);
            } else {
                self.after = Some(oldest.head.id.clone());
                self.waiting.push_back(oldest);
                return Ok(());
            }
        }
    }
}

fn events(data: Vec<Box<RawValue>>) -> Vec<Event> {
    data.into_iter().filter_map(|json| Some(Event { head: list::head(&json)?, json })).collect()
}
