"""Stage identity: User IDs, owners, accounts."""
