//! Messages and gRPC stubs of the stasis snapshot daemon.

/// The package `stasis.v1`.
#[allow(rustdoc::all, clippy::all)]
pub mod v1 {
    include!("v1/stasis.v1.rs");
}
