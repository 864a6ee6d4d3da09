"""Messages and gRPC stubs of the stasis snapshot daemon."""
