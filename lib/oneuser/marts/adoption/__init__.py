"""Adoption: what people and accounts use, and who made it a habit."""

from oneuser.marts.adoption.adopters import account_adoption, adopters, adoption
from oneuser.marts.adoption.usage import account_feature_usage, breadth, depth, feature_usage

__all__ = ["account_adoption", "account_feature_usage", "adopters", "adoption", "breadth", "depth", "feature_usage"]
