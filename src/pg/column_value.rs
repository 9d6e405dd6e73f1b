//! Values of the types that an app's columns have, made by the types' own functions as they read and print them. A cast would
//! be looked up among those that the app, or whoever can make one, has made for its enums.
#![allow(unsafe_code)]

use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;

/// A value as one of another type: printed, and read again. Raises what the type says of a text that is none of its values.
pub(crate) fn as_type<'a>(value: &DatumWithOid<'a>, wanted: pg_sys::Oid) -> DatumWithOid<'a> {
    let (kind, Some(datum)) = (value.oid(), value.datum()) else {
        return DatumWithOid::null_oid(wanted);
    };
    if kind == wanted {
        // SAFETY: the same value under its own type.
        return unsafe { DatumWithOid::new_from_datum(Some(datum), wanted) };
    }
    // SAFETY: both types exist, or their look-up raises; the text is a copy in the current memory context, and so is the value.
    unsafe {
        let (mut print, mut varies) = (pg_sys::InvalidOid, false);
        pg_sys::getTypeOutputInfo(kind, &raw mut print, &raw mut varies);
        let text = pg_sys::OidOutputFunctionCall(print, datum.sans_lifetime());
        let (mut read, mut parameter) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
        pg_sys::getTypeInputInfo(wanted, &raw mut read, &raw mut parameter);
        DatumWithOid::new(pg_sys::OidInputFunctionCall(read, text, parameter, -1), wanted)
    }
}

/// The type of arrays of a type.
pub(crate) fn array_of(element: pg_sys::Oid) -> pg_sys::Oid {
    // SAFETY: a look-up in the server's caches.
    unsafe { pg_sys::get_array_type(element) }
}

/// A type's name with its schema; of those that the grammar knows, that name.
pub(crate) fn qualified_name(kind: pg_sys::Oid) -> String {
    // SAFETY: the name is a copy in the current memory context; of a type that is gone it says so.
    unsafe { std::ffi::CStr::from_ptr(pg_sys::format_type_be_qualified(kind)) }.to_string_lossy().into_owned()
}

/// A column as text, NULL where it is that. Printed by its type, where a cast to text could be somebody's own.
pub(crate) fn as_text(column: &str, kind: pg_sys::Oid) -> String {
    if kind.to_u32() < pg_sys::FirstNormalObjectId {
        format!("{column}::pg_catalog.text")
    } else {
        format!("case when {column} is not null then pg_catalog.concat({column}) end")
    }
}
