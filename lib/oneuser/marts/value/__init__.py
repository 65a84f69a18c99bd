"""Value: what buyers spent, what members are worth so far, how much recurring revenue stays."""

from oneuser.marts.value.lifetime import ltv, members_of_ages
from oneuser.marts.value.purchases import rfm
from oneuser.marts.value.recurring import monthly_revenue
from oneuser.marts.value.subscriptions import customers, revenue_retention

__all__ = ["customers", "ltv", "members_of_ages", "monthly_revenue", "revenue_retention", "rfm"]
