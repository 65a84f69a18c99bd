"""Keys, suppression, erasure, portability."""
