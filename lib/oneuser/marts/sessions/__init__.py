"""Sessions, touches and conversions."""
