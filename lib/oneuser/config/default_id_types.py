"""The identifier types of a configuration that declares none, in the shape of the file.

Where no identifier of a type appears, its declaration changes nothing.
"""

from __future__ import annotations

from typing import Any

DEFAULT_ID_TYPES: dict[str, dict[str, Any]] = {
    "user_id": {"priority": 1, "known": True, "unique": True, "normaliser": "trim"},
    "email": {"priority": 2, "known": True, "limit": 5, "max_persons_per_value": 10, "normaliser": "email"},
    # CRMs hold duplicates of a person, so that none of their ids is unique
    "salesforce_contact_id": {"priority": 3, "known": True, "limit": 5, "normaliser": "salesforce_id"},
    "salesforce_lead_id": {"priority": 4, "known": True, "limit": 5, "normaliser": "salesforce_id"},
    "hubspot_contact_id": {"priority": 5, "known": True, "limit": 5, "normaliser": "trim"},
    "phone": {"priority": 6, "known": True, "limit": 3, "max_persons_per_value": 10, "normaliser": "phone"},
    "email_sha256": {"priority": 7, "known": True, "limit": 5, "normaliser": "lower"},
    "email_md5": {"priority": 8, "known": True, "limit": 5, "normaliser": "lower"},
    "anonymous_id": {"priority": 9, "known": False, "max_persons_per_value": 50, "normaliser": "trim"},
    "device_id": {"priority": 10, "known": False, "max_persons_per_value": 50, "normaliser": "trim"},
    "network_id": {"priority": 11, "known": False, "max_persons_per_value": 20, "normaliser": "trim"},
    "advertising_id": {"priority": 12, "known": False, "max_persons_per_value": 20, "normaliser": "lower"},
}
