"""Stage ingest: new files to events, identifiers and reference inputs."""
