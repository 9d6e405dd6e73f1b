//! Who is asking. Anyone who can run SQL can set claims, so they count only where the login role is a gateway: a role that
//! checked the token before it set them.

use std::collections::HashMap;

use pgrx::prelude::*;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::{db, trust};

/// The caller's user id: the claim `sub`, from `request.jwt.claims` or else `request.jwt.claim.sub`.
///
/// Null where there is none (pooled connections leave `''` behind), where the claims are no JSON, and where the role that
/// logged in is not a gateway. Source: <https://docs.postgrest.org/en/stable/references/transactions.html#request-headers-cookies-and-jwt-claims>.
#[pg_extern(stable, parallel_safe)]
#[search_path(pg_catalog, pg_temp)]
pub(crate) fn current_user_id() -> Option<String> {
    db::require_extension();
    if !trust::is_gateway(db::login_role()) {
        return None;
    }
    let claimed = match db::setting(c"request.jwt.claims").filter(|claims| !claims.trim().is_empty()) {
        Some(claims) => claimed_sub(&claims).ok()?,
        None => None,
    };
    // No text of the server's can hold it, so it is no one's id.
    if claimed.as_deref().is_some_and(|id| id.contains('\0')) {
        return None;
    }
    claimed.filter(|id| !id.is_empty()).or_else(|| db::setting(c"request.jwt.claim.sub").filter(|id| !id.is_empty()))
}

/// The claim `sub`, a number as it is written, however large; an error where the claims are no JSON.
fn claimed_sub(claims: &str) -> Result<Option<String>, serde_json::Error> {
    let Ok(claims) = serde_json::from_str::<HashMap<String, &RawValue>>(claims) else {
        return serde_json::from_str::<IgnoredAny>(claims).map(|_| None);
    };
    let sub = claims.get("sub").map(|sub| sub.get());
    Ok(sub.and_then(|sub| match sub.as_bytes().first() {
        Some(b'"') => serde_json::from_str(sub).ok(),
        Some(b'-' | b'0'..=b'9') => Some(sub.to_owned()),
        _ => None,
    }))
}
