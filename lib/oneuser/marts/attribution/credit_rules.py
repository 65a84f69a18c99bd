"""The rules of a configuration, as the functions of this folder take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneuser.marts.attribution.entity_steps import Window
from oneuser.marts.attribution.models.registry import rule_models
from oneuser.marts.attribution.transforms import make_transforms
from oneuser.marts.attribution.walk import WalkRules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneuser.config import AttributionRules, Conversion, ModelSpec, TransformSpec
    from oneuser.marts.attribution.models.path import RuleModel


@dataclass(frozen=True)
class CreditRules:
    """How the job credits conversions.

    Attributes:
        models: Those whose credit depends on one path alone: what each is called, and what it does.
        window: Which touches are near enough.
        walk: How paths are made.
        exclude_channels: Channels whose touches are left out.
        roles: Kinds of conversions that are milestones, and which. Empty where no model looks at milestones.
        transforms: What is done to paths, in one text.
        fitted: Models that are fitted on all paths.
        needs_milestones: Whether some model looks at milestones.
        reporting_currency: The currency in which values are told too; null where there is none.
    """

    models: tuple[tuple[str, RuleModel], ...]
    window: Window
    walk: WalkRules
    exclude_channels: tuple[str, ...]
    roles: tuple[tuple[str, str], ...]
    transforms: str
    fitted: tuple[ModelSpec, ...] = ()
    reporting_currency: str | None = None
    needs_milestones: bool = False

    @classmethod
    def of(
        cls, rules: AttributionRules, kinds: Mapping[str, Conversion], *, reporting_currency: str | None = None
    ) -> CreditRules:
        """The rules of a configuration with its declared conversions."""
        specs = rules.specs
        window = Window(rules.lookback_days, rules.lookback, rules.zone)
        is_asked = any(spec.milestones for spec in specs)
        roles = tuple((name, kind.milestone) for name, kind in sorted(kinds.items()) if kind.milestone and is_asked)
        return cls(
            models=rule_models(specs),
            window=window,
            walk=WalkRules(
                window.reach,
                make_transforms(rules.transform_specs),
                rules.conversion_scope == "first_per_entity",
                rules.reset_at_conversion,
            ),
            exclude_channels=rules.exclude_channels,
            roles=roles,
            transforms=describe_transforms(rules.transform_specs),
            fitted=tuple(spec for spec in specs if spec.kind != "rule"),
            reporting_currency=reporting_currency,
            needs_milestones=is_asked,
        )

    @property
    def labels(self) -> list[str]:
        """What the rows of the models are called."""
        return [label for label, _ in self.models]

    @property
    def additive(self) -> list[str]:
        """The labels of models whose weights add up to 1."""
        return [label for label, model in self.models if model.adds_up]


def describe_transforms(specs: Sequence[TransformSpec]) -> str:
    """Transforms as one text: `exposure, last_n(20)`."""
    return ", ".join(spec.transform + _in_brackets(spec) for spec in specs)


def _in_brackets(spec: TransformSpec) -> str:
    given = [
        value for values in spec.parameters.values() for value in (values if isinstance(values, tuple) else (values,))
    ]
    return f"({', '.join(map(str, given))})" if given else ""
