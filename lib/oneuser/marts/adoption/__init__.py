"""Adoption: what people and accounts use, and who made it a habit."""

from oneuser.marts.adoption.account_adopters import account_adoption, adopting_accounts
from oneuser.marts.adoption.adopters import adopters, adoption, count_adopters
from oneuser.marts.adoption.usage import account_feature_usage, breadth, depth, feature_usage

__all__ = [
    "account_adoption", "account_feature_usage", "adopters", "adopting_accounts", "adoption", "breadth",
    "count_adopters", "depth", "feature_usage",
]  # fmt: skip
