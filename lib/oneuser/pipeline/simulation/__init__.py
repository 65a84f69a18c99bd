"""Simulation: text in, people out. Runs in plain Python, without a warehouse and without Spark."""
