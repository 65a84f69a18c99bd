"""What everything stands on: errors, reason codes, keyed hashes, masking, money, logging."""
