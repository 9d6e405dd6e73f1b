//! The database: what the bridge calls there, each function once. The statements are in `bridge/sql/bridge.sql`.

pub mod calls;
pub mod fault;
pub mod listen;
pub mod pool;
