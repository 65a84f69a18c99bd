"""Tables and pictures of one run, as one HTML page. Reads the published tables and the record of runs."""

from oneuser.report.build import build_report

__all__ = ["build_report"]
