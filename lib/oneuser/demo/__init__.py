"""The demo: an event log with a known truth, its configuration, and how well people were found in it."""
