//! `jsonb` as its text. What the server takes for JSON may be more than serde reads: a number beyond every float, or a nesting
//! deeper than any that is let near the stack. So it is not parsed on the way in, where a failure would be a panic.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};

use pgrx::callconv::{Arg, ArgAbi};
use pgrx::datum::{Datum, UnboxDatum};
use pgrx::nullable::Nullable;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::{FromDatum, IntoDatum, pg_sys};

/// The text of a `jsonb`, as the server writes it.
#[derive(Debug)]
pub(crate) struct Jsonb(pub(crate) String);

impl FromDatum for Jsonb {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        if is_null {
            return None;
        }
        // SAFETY: the caller says that the datum is a jsonb.
        unsafe {
            let text: Option<&CStr> = pgrx::direct_function_call(pg_sys::jsonb_out, &[Some(datum)]);
            text.map(|text| Self(text.to_string_lossy().into_owned()))
        }
    }
}

impl IntoDatum for Jsonb {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        let text = CString::new(self.0).ok()?;
        // SAFETY: jsonb_in takes a text that ends with a zero byte, and raises where it is no JSON.
        unsafe { pgrx::direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(text.as_ptr().into())]) }
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBOID
    }
}

// SAFETY: a `Jsonb` is a copy of its own, of no lifetime.
unsafe impl UnboxDatum for Jsonb {
    type As<'src> = Self;

    unsafe fn unbox<'src>(datum: Datum<'src>) -> Self
    where
        Self: 'src,
    {
        // SAFETY: the caller says that the datum is a jsonb, and not null.
        unsafe { Self::from_datum(datum.sans_lifetime(), false) }.unwrap_or_else(|| Self(String::new()))
    }
}

// SAFETY: an argument of that type holds a jsonb, which `FromDatum` copies.
unsafe impl<'fcx> ArgAbi<'fcx> for Jsonb {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the server passes what the function's signature says.
        unsafe { arg.unbox_arg_using_from_datum() }.unwrap_or_else(|| Self(String::new()))
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Self> {
        // SAFETY: as above.
        unsafe { arg.unbox_arg_using_from_datum() }.into()
    }
}

// SAFETY: it is jsonb.
unsafe impl SqlTranslatable for Jsonb {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(Jsonb);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal("jsonb"));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = Ok(ReturnsRef::One(SqlMappingRef::literal("jsonb")));
}
