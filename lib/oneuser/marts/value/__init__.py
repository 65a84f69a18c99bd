"""Value: what buyers spent, what members are worth so far, how much recurring revenue stays."""

from oneuser.marts.value.lifetime import ltv
from oneuser.marts.value.purchases import rfm
from oneuser.marts.value.subscriptions import revenue_retention

__all__ = ["ltv", "revenue_retention", "rfm"]
