"""Accounts: who belonged to which, and when."""
