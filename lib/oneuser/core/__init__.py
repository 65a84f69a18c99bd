"""What everything stands on: configuration, errors, logging, the session, JARs."""
