"""What people did: sessions, attribution, retention, accounts. Reads people and events, never how they were found."""
