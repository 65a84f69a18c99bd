"""The only place that touches Delta tables and files: read, write, merge, restore."""
