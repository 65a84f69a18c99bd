"""The stages of a run. A new one is a folder beside this module, with its declaration, and a name here."""

from __future__ import annotations

from oneuser.stages.attribution.stage import ATTRIBUTION_STAGE
from oneuser.stages.consent.stage import CONSENT_STAGE
from oneuser.stages.declaration import in_order
from oneuser.stages.graph.stage import GRAPH_STAGE
from oneuser.stages.identity.stage import IDENTITY_STAGE
from oneuser.stages.ingest.stage import INGEST_STAGE
from oneuser.stages.product.stage import PRODUCT_STAGE
from oneuser.stages.retention.stage import RETENTION_STAGE
from oneuser.stages.sessions.stage import SESSIONS_STAGE

STAGES = in_order(
    (
        INGEST_STAGE,
        GRAPH_STAGE,
        IDENTITY_STAGE,
        CONSENT_STAGE,
        SESSIONS_STAGE,
        ATTRIBUTION_STAGE,
        RETENTION_STAGE,
        PRODUCT_STAGE,
    )
)
