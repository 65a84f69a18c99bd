"""The demo: an event log with a known truth, its configuration, and how well people were found in it."""

from oneuser.cli.demo.generate import DemoTruth, generate_demo
from oneuser.cli.demo.measure import Agreement, measure
from oneuser.cli.demo.settings import demo_config

__all__ = ["Agreement", "DemoTruth", "demo_config", "generate_demo", "measure"]
