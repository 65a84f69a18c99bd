"""The Spark session, its JARs and settings, and rows on their way through Python."""
