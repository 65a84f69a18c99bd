"""What is published, for other programs: files, and SQL views."""
