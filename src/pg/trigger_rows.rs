//! The rows that a trigger was called for: one for a row trigger; for a statement trigger those in its transition tables,
//! whatever these are called. An UPDATE keeps its old and new rows in the same order.
#![allow(unsafe_code)]

use std::ffi::CStr;

use pgrx::FromDatum;
use pgrx::prelude::*;

/// A column of the trigger's table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    number: i16,
    by_value: bool,
    length: i16,
}

/// These columns of the trigger's table; raises where it lacks one.
pub(crate) fn columns<const N: usize>(trigger: &PgTrigger, names: [&CStr; N]) -> [Column; N] {
    // SAFETY: the server keeps the relation open, with its description, while it calls the trigger.
    let description = unsafe { (*trigger.trigger_data().tg_relation).rd_att };
    names.map(|name| {
        // SAFETY: as above; the name ends with a zero byte, and a column that is found has an attribute of its number.
        unsafe {
            let number = pg_sys::SPI_fnumber(description, name.as_ptr());
            if number < 1 {
                error!("no column {name:?}");
            }
            let (mut length, mut by_value) = (0, false);
            pg_sys::get_typlenbyval(pg_sys::SPI_gettypeid(description, number), &raw mut length, &raw mut by_value);
            Column { number: i16::try_from(number).unwrap_or_default(), by_value, length }
        }
    })
}

/// A row, as long as the trigger looks at it.
pub(crate) struct Row(*mut pg_sys::TupleTableSlot);

impl Row {
    fn datum(&self, column: Column) -> Option<pg_sys::Datum> {
        let mut null = false;
        // SAFETY: the slot holds a row of the trigger's table, of which the column is.
        let datum = unsafe { pg_sys::slot_getattr(self.0, i32::from(column.number), &raw mut null) };
        (!null).then_some(datum)
    }

    /// A value of the column's type; none where it is NULL.
    pub(crate) fn get<T: FromDatum>(&self, column: Column) -> Option<T> {
        // SAFETY: the value is copied, and of the type that the caller knows the column to have.
        unsafe { T::from_datum(self.datum(column)?, false) }
    }

    /// Whether the column differs from that of another row, byte by byte.
    pub(crate) fn differs(&self, other: &Self, column: Column) -> bool {
        match (self.datum(column), other.datum(column)) {
            (Some(one), Some(two)) if column.by_value => one.value() != two.value(),
            (Some(one), Some(two)) => bytes(one, column) != bytes(two, column),
            (one, two) => one.is_some() != two.is_some(),
        }
    }
}

/// A copy of the bytes of a value that is passed by reference, unpacked where it is stored compressed.
fn bytes(value: pg_sys::Datum, column: Column) -> Vec<u8> {
    // SAFETY: the value is of the column's type, which has this length; -1 is a type with a header of its own.
    unsafe {
        if column.length > 0 {
            return std::slice::from_raw_parts(value.cast_mut_ptr::<u8>(), column.length.unsigned_abs().into())
                .to_vec();
        }
        let packed = value.cast_mut_ptr::<pg_sys::varlena>();
        let plain = pg_sys::pg_detoast_datum_packed(packed);
        let copy = pgrx::varlena::varlena_to_byte_slice(plain).to_vec();
        if plain != packed {
            pg_sys::pfree(plain.cast());
        }
        copy
    }
}

/// Whether a trigger sees its rows: it was called for one, or has a transition table for each side of its event.
pub(crate) fn are_visible(trigger: &PgTrigger) -> bool {
    let (event, data) = (trigger.event(), trigger.trigger_data());
    event.fired_for_row()
        || match (event.fired_by_insert(), event.fired_by_update(), event.fired_by_delete()) {
            (true, _, _) => !data.tg_newtable.is_null(),
            (_, true, _) => !data.tg_oldtable.is_null() && !data.tg_newtable.is_null(),
            (_, _, true) => !data.tg_oldtable.is_null(),
            _ => false,
        }
}

/// Visits each row as it was (none for an INSERT) and as it is (none for a DELETE). `look` must run no statement.
pub(crate) fn visit(trigger: &PgTrigger, mut look: impl FnMut(Option<&Row>, Option<&Row>)) {
    let (event, data) = (trigger.event(), trigger.trigger_data());
    if event.fired_for_row() {
        let (first, second) = (Row(data.tg_trigslot), Row(data.tg_newslot));
        match (event.fired_by_insert(), event.fired_by_update()) {
            (true, _) => look(None, Some(&first)),
            (_, true) => look(Some(&first), Some(&second)),
            _ => look(Some(&first), None),
        }
        return;
    }
    let (mut old, mut new) = (Table::of(data, data.tg_oldtable), Table::of(data, data.tg_newtable));
    loop {
        let (before, after) = (old.as_mut().and_then(Table::next), new.as_mut().and_then(Table::next));
        if before.is_none() && after.is_none() {
            break;
        }
        look(before.as_ref(), after.as_ref());
    }
}

/// A transition table, read with a pointer of its own.
struct Table {
    rows: *mut pg_sys::Tuplestorestate,
    pointer: i32,
    slot: *mut pg_sys::TupleTableSlot,
}

impl Table {
    fn of(data: &pg_sys::TriggerData, rows: *mut pg_sys::Tuplestorestate) -> Option<Self> {
        if rows.is_null() {
            return None;
        }
        // SAFETY: the server keeps the table as long as triggers of the statement are called; its readers each have a pointer.
        unsafe {
            let pointer = pg_sys::tuplestore_alloc_read_pointer(rows, pg_sys::EXEC_FLAG_REWIND as i32);
            pg_sys::tuplestore_select_read_pointer(rows, pointer);
            pg_sys::tuplestore_rescan(rows);
            let slot =
                pg_sys::MakeSingleTupleTableSlot((*data.tg_relation).rd_att, &raw const pg_sys::TTSOpsMinimalTuple);
            Some(Self { rows, pointer, slot })
        }
    }

    fn next(&mut self) -> Option<Row> {
        // SAFETY: as above; the slot takes a copy, so that reading the other table moves nothing under it.
        unsafe {
            pg_sys::tuplestore_select_read_pointer(self.rows, self.pointer);
            pg_sys::tuplestore_gettupleslot(self.rows, true, true, self.slot).then_some(Row(self.slot))
        }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // SAFETY: the slot was made here. Where an error unwinds, its memory goes with the transaction.
        unsafe { pg_sys::ExecDropSingleTupleTableSlot(self.slot) };
    }
}
