"""One run: lease, record, gates, publication, resume."""
