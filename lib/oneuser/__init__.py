"""oneuser: one persistent User ID per person across sessions, devices, touchpoints and runs."""

__version__ = "0.1.0"
