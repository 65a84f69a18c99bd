"""From components to people: the ledger of User IDs, who owns which identifier and event."""
