"""What each table promises: grain, columns, key. No I/O."""
