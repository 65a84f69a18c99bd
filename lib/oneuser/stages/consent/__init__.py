"""Stage consent."""
