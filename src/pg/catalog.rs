//! What the catalog says of relations, columns and functions.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};

use pgrx::IntoDatum;
use pgrx::prelude::*;

/// Who owns a relation; `None` where it is gone.
pub(crate) fn owner_of(relation: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: the relation is closed again below; its lock stays until the transaction ends.
    unsafe {
        let opened = pg_sys::try_relation_open(relation, pg_sys::AccessShareLock as i32);
        if opened.is_null() {
            return None;
        }
        let owner = (*(*opened).rd_rel).relowner;
        pg_sys::relation_close(opened, pg_sys::NoLock as i32);
        Some(owner)
    }
}

/// Whether a relation is a view.
pub(crate) fn is_view(relation: pg_sys::Oid) -> bool {
    // SAFETY: a look-up in the server's caches.
    unsafe { pg_sys::get_rel_relkind(relation).cast_unsigned() == pg_sys::RELKIND_VIEW }
}

/// A relation's name, quoted and qualified.
pub(crate) fn qualified_name(relation: pg_sys::Oid) -> Option<String> {
    // SAFETY: look-ups in the server's caches; the names are copies in the current memory context.
    unsafe {
        let name = pg_sys::get_rel_name(relation);
        let schema = pg_sys::get_namespace_name(pg_sys::get_rel_namespace(relation));
        if name.is_null() || schema.is_null() {
            return None;
        }
        let quoted = pg_sys::quote_qualified_identifier(schema, name);
        Some(CStr::from_ptr(quoted).to_string_lossy().into_owned())
    }
}

/// The type of a column, under its domains; `None` where there is no such column.
pub(crate) fn column_type(relation: pg_sys::Oid, column: &str) -> Option<pg_sys::Oid> {
    let column = CString::new(column).ok()?;
    // SAFETY: look-ups in the server's caches, by a name that ends with a NUL.
    unsafe {
        let number = pg_sys::get_attnum(relation, column.as_ptr());
        (number > 0).then(|| pg_sys::getBaseType(pg_sys::get_atttype(relation, number)))
    }
}

/// One of our tables.
pub(crate) fn payments_table(name: &CStr) -> pg_sys::Oid {
    table_of(c"payments", name)
}

/// One of the two that point to tables of the app.
pub(crate) fn registry_table(name: &CStr) -> pg_sys::Oid {
    table_of(c"payments_registry", name)
}

fn table_of(schema: &CStr, name: &CStr) -> pg_sys::Oid {
    // SAFETY: look-ups in the server's caches, by names that end with a NUL.
    unsafe { pg_sys::get_relname_relid(name.as_ptr(), pg_sys::get_namespace_oid(schema.as_ptr(), true)) }
}

/// The function of a signature.
pub(crate) fn function_named(signature: &str) -> Option<pg_sys::Oid> {
    // SAFETY: the function takes a text, and returns a regprocedure or NULL.
    unsafe { pgrx::direct_function_call(pg_sys::to_regprocedure, &[signature.into_datum()]) }
}

/// A function's name; `None` where it is gone.
pub(crate) fn function_name(function: pg_sys::Oid) -> Option<&'static CStr> {
    // SAFETY: the name that is found is a copy in the current memory context, which outlives the caller's look at it.
    unsafe {
        let name = pg_sys::get_func_name(function);
        (!name.is_null()).then(|| CStr::from_ptr(name))
    }
}

/// Locks a relation until the transaction ends.
pub(crate) fn lock_relation(relation: pg_sys::Oid, mode: u32) {
    // SAFETY: the lock manager takes any number; the caller's relation is there as long as the extension is used.
    unsafe { pg_sys::LockRelationOid(relation, i32::try_from(mode).unwrap_or_default()) };
}
