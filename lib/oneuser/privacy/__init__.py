"""Keys, consent, and what people ask about their data."""
