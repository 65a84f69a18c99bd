"""Models whose credit depends on one path alone: one module each, all with one protocol. Plain Python, no Spark."""
