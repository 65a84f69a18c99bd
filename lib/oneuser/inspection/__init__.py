"""Questions to what is published."""
