//! Reading a trigger's row by the names of its columns.

use std::cell::RefCell;
use std::collections::HashMap;
use std::num::NonZeroUsize;

use pgrx::WhoAllocated;
use pgrx::datum::{TryFromDatumError, UnboxDatum};
use pgrx::heap_tuple::PgHeapTuple;
use pgrx::prelude::*;

thread_local! {
    /// Where a table has a column: to find it by comparing all names before it takes longer than to read it.
    static PLACES: RefCell<HashMap<(pg_sys::Oid, &'static str), NonZeroUsize>> = RefCell::new(HashMap::new());
}

/// A column's value.
pub(crate) fn get<'tup, T, A: WhoAllocated>(
    row: &'tup PgHeapTuple<'_, A>,
    column: &'static str,
) -> Result<Option<T>, TryFromDatumError>
where
    T: FromDatum + IntoDatum + UnboxDatum<As<'tup> = T> + 'tup,
{
    place(row, column)
        .map_or_else(|| Err(TryFromDatumError::NoSuchAttributeName(column.to_owned())), |place| row.get_by_index(place))
}

/// Changes a column's value.
pub(crate) fn set<T: IntoDatum>(
    row: &mut PgHeapTuple<'_, pgrx::AllocatedByRust>,
    column: &'static str,
    value: T,
) -> Result<(), TryFromDatumError> {
    match place(row, column) {
        Some(place) => row.set_by_index(place, value),
        None => Err(TryFromDatumError::NoSuchAttributeName(column.to_owned())),
    }
}

fn place<A: WhoAllocated>(row: &PgHeapTuple<'_, A>, column: &'static str) -> Option<NonZeroUsize> {
    let table = row.get_attribute_by_index(NonZeroUsize::MIN)?.attrelid;
    let known = PLACES.with_borrow(|places| places.get(&(table, column)).copied());
    if let Some(place) = known
        && row.get_attribute_by_index(place).is_some_and(|attribute| attribute.name() == column)
    {
        return Some(place);
    }
    let (place, _) = row.get_attribute_by_name(column)?;
    PLACES.with_borrow_mut(|places| places.insert((table, column), place));
    Some(place)
}
