"""From lines to events: parse, normalise identifiers, de-duplicate, account for every line."""
