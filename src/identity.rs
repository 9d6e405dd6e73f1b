//! Who is asking. Anyone who can run SQL can set claims, so they count only where the login role is a gateway: a role that
//! checked the token before it set them.

use std::cell::RefCell;
use std::collections::HashMap;

use pgrx::prelude::*;
use serde_json::value::RawValue;

use crate::pg::cache::{Cache, cached};
use crate::pg::slot::slot;
use crate::pg::{catalog, guc, role, statement};
use crate::{definer, precondition, trust};

const IS_GUEST_ROLE: &str = statement::query_text!("identity", "is_guest_role");

/// The role that PostgREST and its like name in a visitor's claims.
const ANONYMOUS: &str = "anon";

/// What of the claims says who is asking.
#[derive(Default)]
struct Claims {
    sub: Option<String>,
    role: Option<String>,
}

/// The caller's user id: the claim `sub` of `request.jwt.claims`, or `request.jwt.claim.sub` where the former is not set at all.
///
/// Null where there is none (pooled connections leave `''` behind), where the claims are no JSON, where the role that logged in is
/// not a gateway, and where the claims' `role` is a guest's: some backends give all visitors one `sub`.
/// Source: <https://docs.postgrest.org/en/stable/references/transactions.html#request-headers-cookies-and-jwt-claims>.
#[pg_extern(stable, parallel_safe)]
#[search_path(pg_catalog, pg_temp)]
pub(crate) fn current_user_id() -> Option<String> {
    precondition::require_extension();
    if !trust::is_gateway(role::login_role()) {
        return None;
    }
    let claims = match guc::setting(c"request.jwt.claims") {
        Some(claims) => claims_in(&claims),
        None => Claims { sub: guc::setting(c"request.jwt.claim.sub"), role: guc::setting(c"request.jwt.claim.role") },
    };
    // No text of the server's can hold a NUL, so it is no one's id.
    let id = claims.sub.filter(|id| !id.is_empty() && !id.contains('\0'))?;
    (!claims.role.is_some_and(|role| is_guest(&role))).then_some(id)
}

/// What claims say; nothing where they are no JSON object. A `sub` that is a number is taken as it is written, however large.
fn claims_in(claims: &str) -> Claims {
    let Ok(claims) = serde_json::from_str::<HashMap<String, &RawValue>>(claims) else { return Claims::default() };
    let text = |raw: &str| serde_json::from_str::<String>(raw).ok();
    Claims {
        sub: claims.get("sub").map(|sub| sub.get()).and_then(|sub| match sub.as_bytes().first() {
            Some(b'-' | b'0'..=b'9') => Some(sub.to_owned()),
            _ => text(sub),
        }),
        role: claims.get("role").and_then(|role| text(role.get())),
    }
}

/// Which roles are visitors'.
#[derive(Default)]
struct Guests(RefCell<Cache<String, bool>>);

/// Whether a role of claims is a visitor's: the usual one, or one that was granted as a guest and as nothing else.
fn is_guest(role: &str) -> bool {
    if role == ANONYMOUS {
        return true;
    }
    let granted = catalog::payments_table(c"granted_roles");
    if granted == pg_sys::InvalidOid || role.is_empty() || role.contains('\0') {
        return false;
    }
    cached(&slot::<Guests>().0, &[granted], role.to_owned(), |role| {
        let found = definer::read(|| statement::read(IS_GUEST_ROLE, &[statement::text(role.as_str())]));
        (found == ["true"], true)
    })
}
