"""The configuration: one YAML file, checked as a whole, as frozen objects that say what each key means."""

from oneuser.config.accounts import AccountRules, DomainRules
from oneuser.config.analytics import (
    ChannelRule,
    Condition,
    ConstCurrency,
    Conversion,
    PropertyFilter,
    SessionRules,
)
from oneuser.config.attribution import (
    DEFAULT_CHANNELS,
    AttributionRules,
    PositionWeights,
    known_channels,
    no_such_channel,
    unknown_channels,
)
from oneuser.config.attribution_models import (
    MODEL_NAMES,
    ModelSpec,
    TransformSpec,
    parse_model,
    parse_models,
    parse_transforms,
)
from oneuser.config.fingerprint import config_hash, config_json_schema, section_hash, show_config
from oneuser.config.identity import AliasRules, IdentityRules, IdType
from oneuser.config.links import LinkTable, RecordTest
from oneuser.config.load import load_config, make_config
from oneuser.config.model import (
    Config,
    ConsentRules,
    Gates,
    GraphRules,
    IncrementalRules,
    IngestLimits,
    KeyReferences,
    LeaseRules,
    QuarantineRules,
    ReportRules,
    SparkRules,
)
from oneuser.config.not_yet import NOT_YET
from oneuser.config.product import ProductRules
from oneuser.config.retention import EventChoice, RetentionRules
from oneuser.config.sources import (
    Campaign,
    Column,
    Concat,
    Const,
    Derived,
    Expression,
    Product,
    Source,
    SourceMapping,
    UrlParam,
)

__all__ = [
    "DEFAULT_CHANNELS",
    "MODEL_NAMES",
    "NOT_YET",
    "AccountRules",
    "AliasRules",
    "AttributionRules",
    "Campaign",
    "ChannelRule",
    "Column",
    "Concat",
    "Condition",
    "Config",
    "ConsentRules",
    "Const",
    "ConstCurrency",
    "Conversion",
    "Derived",
    "DomainRules",
    "EventChoice",
    "Expression",
    "Gates",
    "GraphRules",
    "IdType",
    "IdentityRules",
    "IncrementalRules",
    "IngestLimits",
    "KeyReferences",
    "LeaseRules",
    "LinkTable",
    "ModelSpec",
    "PositionWeights",
    "Product",
    "ProductRules",
    "PropertyFilter",
    "QuarantineRules",
    "RecordTest",
    "ReportRules",
    "RetentionRules",
    "SessionRules",
    "Source",
    "SourceMapping",
    "SparkRules",
    "TransformSpec",
    "UrlParam",
    "config_hash",
    "config_json_schema",
    "known_channels",
    "load_config",
    "make_config",
    "no_such_channel",
    "parse_model",
    "parse_models",
    "parse_transforms",
    "section_hash",
    "show_config",
    "unknown_channels",
]
