"""Retention: who came back, and when."""
