"""Types in which fractions are added up: a sum of doubles depends on the order in which partitions come together."""

from __future__ import annotations

# shares of conversions, whatever type they came in
WEIGHT = "decimal(38,12)"
# between -1 and 1, with all the digits that a double is sure of
RATE = "decimal(38,18)"
