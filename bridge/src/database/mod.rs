//! The database: connections, and one function for each query in `bridge/sql/bridge.sql`.

pub mod calls;
pub mod fault;
pub mod listen;
pub mod pool;
