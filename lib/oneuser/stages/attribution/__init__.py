"""Stage attribution: credits."""
