"""Stage retention: activity and cohorts."""
