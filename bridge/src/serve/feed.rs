//! Reads Stripe's events of a group of types, oldest first.
//!
//! Stripe lists events newest first, and accepts at most 20 types per call. So the types are split into groups, and
//! each group has a feed. A feed reads forward from its own cursor (`ending_before`). A feed without a cursor first
//! pages backward to find where to start.
//!
//! Source: <https://docs.stripe.com/api/events/list>. Stripe keeps events for 30 days.

use std::collections::VecDeque;

use serde_json::json;
use serde_json::value::RawValue;

use crate::stripe::client::Stripe;
use crate::stripe::list::{self, Head, Page};
use crate::stripe::verdict::Reason;

/// The maximum number of types that Stripe accepts in one call.
pub const MAX_TYPES_PER_CALL: usize = 20;
const PATH: &str = "/v1/events";

/// An event that Stripe returned.
#[derive(Debug)]
pub struct Event {
    /// The id and the creation time.
    pub head: Head,
    /// The JSON of the whole event.
    pub json: Box<RawValue>,
}

/// Reads the events of one group of types.
#[derive(Debug)]
pub struct Feed {
    types: Vec<String>,
    /// Events that were read but not yet taken, oldest first.
    waiting: VecDeque<Event>,
    /// The id of the event that the next page follows.
    cursor: Option<String>,
    has_more: bool,
    /// The id of the newest event before the start, if Stripe had one.
    start_cursor: Option<String>,
}

impl Feed {
    /// Feeds that together cover all of these types.
    #[must_use]
    pub fn for_types(types: &[String]) -> Vec<Self> {
        let group = |types: &[String]| Self {
            types: types.to_vec(),
            waiting: VecDeque::new(),
            cursor: None,
            has_more: false,
            start_cursor: None,
        };
        types.chunks(MAX_TYPES_PER_CALL).map(group).collect()
    }

    /// Starts to read after the event with the id `after`. If it is `None`, starts with the oldest event that is not
    /// older than `since`, in seconds since 1970.
    ///
    /// # Errors
    /// If the request to Stripe fails.
    pub async fn start(&mut self, stripe: &Stripe, after: Option<&str>, since: i64) -> Result<(), Reason> {
        self.waiting.clear();
        self.cursor = after.map(str::to_owned).or_else(|| self.start_cursor.clone());
        self.has_more = true;
        if self.cursor.is_none() {
            return self.find_start(stripe, since).await;
        }
        match self.read_page(stripe).await {
            // The group had no events for so long that Stripe has deleted the event of the cursor.
            Err(reason) if reason.is_missing() => self.find_start(stripe, since).await,
            other => other,
        }
    }

    /// The oldest event that was not yet taken, or `None` if there are no more.
    ///
    /// # Errors
    /// If the request to Stripe fails.
    pub async fn peek(&mut self, stripe: &Stripe) -> Result<Option<&Event>, Reason> {
        while self.waiting.is_empty() && self.has_more {
            self.read_page(stripe).await?;
        }
        Ok(self.waiting.front())
    }

    /// Takes the event that [`Self::peek`] returned.
    pub fn take(&mut self) -> Option<Event> {
        self.waiting.pop_front()
    }

    /// Reads the next page forward.
    async fn read_page(&mut self, stripe: &Stripe) -> Result<(), Reason> {
        let mut params = json!({ "types": self.types });
        if let Some(cursor) = &self.cursor {
            params["ending_before"] = json!(cursor);
        }
        let page = list::page(stripe, PATH, &params).await?;
        self.add(page);
        Ok(())
    }

    fn add(&mut self, page: Page) {
        let count = page.data.len();
        self.waiting.extend(events(page.data).into_iter().rev());
        if let Some(newest) = self.waiting.back() {
            self.cursor = Some(newest.head.id.clone());
        }
        self.has_more = page.has_more && count > 0;
    }

    /// Pages backward to the newest event that is older than `since`, and sets the cursor there. If Stripe has no event
    /// that old, reading starts with the oldest event.
    async fn find_start(&mut self, stripe: &Stripe, since: i64) -> Result<(), Reason> {
        let mut params = json!({ "types": self.types });
        (self.cursor, self.start_cursor) = (None, None);
        loop {
            let page = list::page(stripe, PATH, &params).await?;
            let mut found = events(page.data);
            if let Some(older) = found.iter().find(|event| event.head.created < since) {
                self.start_cursor = Some(older.head.id.clone());
                self.cursor.clone_from(&self.start_cursor);
                return Ok(());
            }
            let Some(oldest) = found.pop() else {
                self.has_more = false;
                return Ok(());
            };
            if page.has_more {
                params["starting_after"] = json!(oldest.head.id);
            } else {
                self.cursor = Some(oldest.head.id.clone());
                self.waiting.push_back(oldest);
                return Ok(());
            }
        }
    }
}

fn events(data: Vec<Box<RawValue>>) -> Vec<Event> {
    data.into_iter().filter_map(|json| Some(Event { head: list::head(&json)?, json })).collect()
}
