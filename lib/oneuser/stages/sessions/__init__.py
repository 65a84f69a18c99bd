"""Stage sessions: sessions, touches, conversions."""
