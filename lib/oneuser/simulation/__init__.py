"""Simulation: text in, people out. Plain Python, without a warehouse and without Spark."""

from oneuser.simulation.simulation import Simulation, simulate

__all__ = ["Simulation", "simulate"]
