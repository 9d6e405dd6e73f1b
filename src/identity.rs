//! Who is asking. Anyone who can run SQL can set claims, so they count only where the login role is a gateway: a role that
//! checked the token before it set them.

use pgrx::prelude::*;
use serde_json::Value;

use crate::db;

/// The caller's user id: the claim `sub`, from `request.jwt.claims` or else `request.jwt.claim.sub`.
///
/// Null where there is none (pooled connections leave `''` behind), where the claims are no JSON, and where the role that
/// logged in is not a gateway. Source: <https://docs.postgrest.org/en/stable/references/transactions.html#request-headers-cookies-and-jwt-claims>.
#[pg_extern(stable, parallel_safe)]
#[search_path(pg_catalog, pg_temp)]
pub(crate) fn current_user_id() -> Option<String> {
    if !db::may_execute(db::login_role(), "payments.gateway()") {
        return None;
    }
    let claimed = match db::setting(c"request.jwt.claims").filter(|claims| !claims.trim().is_empty()) {
        Some(claims) => match serde_json::from_str::<Value>(&claims).ok()?.get("sub") {
            Some(Value::String(sub)) => Some(sub.clone()),
            Some(Value::Number(sub)) => Some(sub.to_string()),
            _ => None,
        },
        None => None,
    };
    claimed.filter(|id| !id.is_empty()).or_else(|| db::setting(c"request.jwt.claim.sub").filter(|id| !id.is_empty()))
}
