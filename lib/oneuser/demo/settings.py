"""The configuration of the demo, as somebody would write it for a log like this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def demo_config(folder: Path, warehouse: Path) -> dict[str, Any]:
    """The configuration for the demo in `folder`, as the mapping that a YAML file would hold."""
    return {
        "deployment": "demo",
        "warehouse": str(warehouse),
        "sources": {
            "web": {"path": f"{folder}/events/day=*/*.jsonl", "format": "jsonl", "preset": "segment"},
        },
        "identity": {
            "id_types": {
                "user_id": {"priority": 1, "known": True, "unique": True, "normaliser": "trim"},
                "email": {
                    "priority": 2,
                    "known": True,
                    "normaliser": "email",
                    "limit": 5,
                    "max_persons_per_value": 10,
                    "blocked": ["test@example.com", "re:^noreply@"],
                },
                "anonymous_id": {"priority": 9, "known": False, "normaliser": "trim", "max_persons_per_value": 50},
            },
        },
        "conversions": {
            "order": {"event": "Order Completed", "value": "properties.revenue", "currency": "properties.currency"},
            "sign_up": {"event": "Signed Up"},
        },
        "attribution": {"lookback_days": 30},
        "retention": {"unit": "month"},
        "product": {
            "lifecycle": {"monthly": {"unit": "month"}},
            "stickiness": {"L28": {"unit": "day", "intervals": 28}},
            "activation": {
                "first_order": {
                    "start": "Signed Up",
                    "steps": ["Product Added", "Order Completed"],
                    "window_days": 14,
                    "unit": "month",
                },
            },
            "adoption": {
                "search": {
                    "feature": "Products Searched",
                    "eligible": "Product Viewed",
                    "min_uses": 2,
                    "min_days": 2,
                    "window_days": 28,
                },
            },
            "funnels": {
                "shop": {
                    "steps": ["Product Viewed", "Product Added", "Checkout Started", "Order Completed"],
                    "window_days": 7,
                },
            },
        },
    }
