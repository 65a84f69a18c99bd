"""Keys, and consent to being linked."""
