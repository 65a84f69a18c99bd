"""What each stage reads, calls and writes, and the order that follows from it."""
