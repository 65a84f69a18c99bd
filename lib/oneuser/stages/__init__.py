"""The order of things: stages, run records, the lease, publication."""
