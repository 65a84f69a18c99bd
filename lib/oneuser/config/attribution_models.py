"""Attribution models and path transforms as they are written: a name, or a mapping with a name and parameters.

One vocabulary for the configuration and for functions that are called from Python. What a model does is in
`marts/attribution`; here is which there are, what they are called elsewhere, and which parameters each takes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from oneuser.config.base import Place
from oneuser.core.suggestions import did_you_mean

Kind = Literal["rule", "path", "channel"]

# shares are counted in units of 10^-12, as weights are: a smaller one is none
LEAST_SHARE = 1e-12
_ONE = 1e-9
_REST, _FIRST = "rest", "first"
_W, _FULL, _LEAD_U = (0.3, 0.1), (0.225, 0.1), (0.4, 0.2)


@dataclass(frozen=True)
class ModelSpec:
    """One model of a run.

    Attributes:
        model: Its name here, whatever it was called.
        label: What its rows say in `model`: its `name`, else what it was written as.
        parameters: Every parameter that it takes, defaults included.
    """

    model: str
    label: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """Whether credit depends on one path alone, on all paths but touch by touch, or has channels and no touches."""
        return _KINDS.get(self.model, "rule")

    @property
    def adds_up(self) -> bool:
        """Whether the weights of a conversion add up to 1, and its credits to its value."""
        return self.model != "participation"

    @property
    def milestones(self) -> tuple[str, ...]:
        """Milestones that it gives a share to; none for models that know none."""
        return tuple(self.parameters["shares"]) if self.model == "milestones" else ()


@dataclass(frozen=True)
class TransformSpec:
    """One transform of paths, with its parameters."""

    transform: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


_KINDS: dict[str, Kind] = {
    "markov_path": "path",
    "counterfactual": "path",
    "set_shapley": "path",
    "markov_global": "channel",
    "rate_shapley": "channel",
}
# what others call them
_CALLED: dict[str, str] = {
    "first_touch": "first",
    "first_click": "first",
    "first_interaction": "first",
    "last_touch": "last",
    "last_click": "last",
    "last_interaction": "last",
    "even": "linear",
    "uniform": "linear",
    "position_based": "position",
    "u": "u_shaped",
    "j": "j_shaped",
    "inverse_j": "inverse_j_shaped",
    "inverted_j": "inverse_j_shaped",
    "w": "w_shaped",
    "markov": "markov_global",
    "shapley": "set_shapley",
}
_SHAPES = {
    "u_shaped": (0.4, 0.2, 0.4),
    "j_shaped": (0.2, 0.2, 0.6),
    "inverse_j_shaped": (0.6, 0.2, 0.2),
}
_POSITION = ("first", "middle", "last")


def _position(written: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    _only(written, _POSITION)
    weights = dict(zip(_POSITION, _SHAPES["u_shaped"], strict=True))
    if written:
        weights = {part: _share(written.get(part, 0), part) for part in _POSITION}
    return "position", _position_weights(weights)


def _position_weights(weights: dict[str, float]) -> dict[str, Any]:
    _is_one(weights)
    if weights["first"] + weights["last"] == 0:
        raise ValueError("a path of two touches needs first + last above 0")
    return weights


def _shape(name: str) -> Callable[[Mapping[str, Any]], tuple[str, dict[str, Any]]]:
    def parse(written: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        _only(written, (), f"{name} has its weights by definition; other weights are written with model: position")
        return "position", dict(zip(_POSITION, _SHAPES[name], strict=True))

    return parse


def _plain(name: str) -> Callable[[Mapping[str, Any]], tuple[str, dict[str, Any]]]:
    def parse(written: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        _only(written, ())
        return name, {}

    return parse


def _time_decay(written: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    _only(written, ("half_life_days",))
    days = _number(written.get("half_life_days", 7.0), "half_life_days")
    if days <= 0:
        raise ValueError("half_life_days must be greater than 0")
    return "time_decay", {"half_life_days": days}


def _non_x(name: str, default: tuple[str, ...] = ()) -> Callable[[Mapping[str, Any]], tuple[str, dict[str, Any]]]:
    def parse(written: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        _only(written, () if default else ("channels",))
        channels = default or _texts(written.get("channels"), "channels")
        if not channels:
            raise ValueError(f"{name} needs `channels`, such as {{model: {name}, channels: [Direct]}}")
        return name, {"channels": channels}

    return parse


def _milestones(written: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if not written:
        raise ValueError(
            "milestones needs a share for each milestone and one for the rest, such as {model: milestones, first: 0.3, "
            "lead: 0.3, opportunity: 0.3, rest: 0.1}; w_shaped, full_path and lead_u have theirs by definition"
        )
    given = {name.strip().lower(): _share(value, name) for name, value in written.items()}
    _is_one(given)
    rest = given.pop(_REST, 0.0)
    if not any(given.values()):
        raise ValueError("at least one milestone needs a share above 0")
    return "milestones", {"shares": given, "rest": rest}


def _milestone_shape(
    share: float, rest: float, *names: str
) -> Callable[[Mapping[str, Any]], tuple[str, dict[str, Any]]]:
    def parse(written: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        _only(written, (), "it has its weights by definition; other weights are written with model: milestones")
        return "milestones", {"shares": dict.fromkeys((_FIRST, *names), share), "rest": rest}

    return parse


def _custom(written: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if not written:
        raise ValueError("custom needs weights: first, middle, last, or milestones and rest")
    return _position(written) if set(written) <= set(_POSITION) else _milestones(written)


def _markov(name: str) -> Callable[[Mapping[str, Any]], tuple[str, dict[str, Any]]]:
    def parse(written: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        _only(written, ("order",))
        return name, {"order": _at_least(1, written.get("order", 1), "order")}

    return parse


def _rate_shapley(written: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    _only(written, ("exact_up_to", "samples", "seed"))
    least = {"exact_up_to": 0, "samples": 1, "seed": 0}
    return "rate_shapley", {name: _at_least(least[name], value, name) for name, value in written.items()}


_MODELS: dict[str, Callable[[Mapping[str, Any]], tuple[str, dict[str, Any]]]] = {
    **{name: _plain(name) for name in ("first", "last", "linear")},
    "position": _position,
    **{name: _shape(name) for name in _SHAPES},
    "time_decay": _time_decay,
    "last_non_x": _non_x("last_non_x"),
    "first_non_x": _non_x("first_non_x"),
    "last_non_direct": _non_x("last_non_x", ("Direct",)),
    "first_non_direct": _non_x("first_non_x", ("Direct",)),
    "milestones": _milestones,
    "w_shaped": _milestone_shape(*_W, "lead", "opportunity"),
    "full_path": _milestone_shape(*_FULL, "lead", "opportunity", "close"),
    "lead_u": _milestone_shape(*_LEAD_U, "lead"),
    "custom": _custom,
    "participation": _plain("participation"),
    "markov_global": _markov("markov_global"),
    "markov_path": _markov("markov_path"),
    "counterfactual": _plain("counterfactual"),
    "set_shapley": _plain("set_shapley"),
    "rate_shapley": _rate_shapley,
}
MODEL_NAMES = tuple(_MODELS)


def parse_model(written: object, defaults: Mapping[str, Mapping[str, Any]] | None = None) -> ModelSpec:
    """One model as it is written: a name, or a mapping with `model`, the parameters of that model, and a `name`.

    Args:
        written: The model.
        defaults: Parameters of models that are written as a name alone, by their names here.

    Raises:
        ValueError: naming what is wrong: a model that does not exist, a parameter that it lacks or does not know.
    """
    name, parameters = _taken_apart(written, "model", "a model")
    key = _key(name)
    here = _CALLED.get(key, key)
    parse = _MODELS.get(here)
    if isinstance(written, str) and defaults is not None:
        parameters = dict(defaults.get(here, {}))
    if parse is None:
        raise ValueError(f"there is no such model{did_you_mean(key, [*_MODELS, *_CALLED])}{_there_are(_MODELS)}")
    label = parameters.pop("name", name)
    if not isinstance(label, str) or not label.strip():
        raise ValueError("`name` is what the rows of a model say: expected a text")
    model, checked = parse(parameters)
    return ModelSpec(model, label, checked)


def parse_models(written: object) -> tuple[ModelSpec, ...]:
    """Several models, or one.

    Raises:
        ValueError: as `parse_model`, and where none is given or two have one name.
    """
    one_by_one = [written] if isinstance(written, str | Mapping) else list(_several(written, "models"))
    if not one_by_one:
        raise ValueError("expected at least one model")
    specs = tuple(parse_model(each) for each in one_by_one)
    for _, problem in twice(specs):
        raise ValueError(problem)
    return specs


def twice(specs: Sequence[ModelSpec]) -> list[tuple[Place, str]]:
    """Models whose rows could not be told apart, by their places."""
    labels = [spec.label for spec in specs]
    return [
        ((n,), f"{label} is there twice; give one of them a `name` of its own: {{model: ..., name: ...}}")
        for n, label in enumerate(labels)
        if label in labels[:n]
    ]


def _channels_of(written: Mapping[str, Any]) -> dict[str, Any]:
    _only(written, ("channel", "channels"))
    channels = _texts(written.get("channel", written.get("channels")), "channel")
    if not channels:
        raise ValueError("needs a `channel`, such as {transform: remove_if_not_all, channel: Direct}")
    return {"channels": channels}


def _last_n(written: Mapping[str, Any]) -> dict[str, Any]:
    _only(written, ("n",))
    if "n" not in written:
        raise ValueError("last_n needs `n`: {transform: last_n, n: 20}")
    return {"n": _at_least(1, written["n"], "n")}


def _nothing(written: Mapping[str, Any]) -> dict[str, Any]:
    _only(written, ())
    return {}


_TRANSFORMS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "exposure": _nothing,
    "unique": _nothing,
    "first": _nothing,
    "last_n": _last_n,
    "remove_if_not_all": _channels_of,
    "remove_if_last_and_not_all": _channels_of,
}
TRANSFORM_NAMES = tuple(_TRANSFORMS)


def parse_transform(written: object) -> TransformSpec:
    """One transform as it is written: a name, or a mapping with `transform` and its parameters.

    Raises:
        ValueError: naming what is wrong.
    """
    name, parameters = _taken_apart(written, "transform", "a transform")
    key = _key(name).removesuffix("_path")
    parse = _TRANSFORMS.get(key)
    if parse is None:
        raise ValueError(f"there is no transform {name!r}{did_you_mean(key, _TRANSFORMS)}{_there_are(_TRANSFORMS)}")
    return TransformSpec(key, parse(parameters))


def parse_transforms(written: object) -> tuple[TransformSpec, ...]:
    """Several transforms, in the order in which they are applied, or one.

    Raises:
        ValueError: as `parse_transform`.
    """
    one_by_one = [written] if isinstance(written, str | Mapping) else _several(written, "transforms")
    return tuple(parse_transform(each) for each in one_by_one)


def _several(written: object, what: str) -> Iterable[object]:
    if isinstance(written, Sequence) and not isinstance(written, bytes):
        return written
    raise ValueError(f"expected a list of {what}")


def _taken_apart(written: object, key: str, what: str) -> tuple[str, dict[str, Any]]:
    if isinstance(written, str):
        return written, {}
    if not isinstance(written, Mapping):
        raise ValueError(f"expected {what}: a name, or a mapping such as {{{key}: ..., ...}}")  # noqa: TRY004 - a value
    parameters = {str(name): value for name, value in written.items()}
    name = parameters.pop(key, None)
    if not isinstance(name, str):
        raise ValueError(f"a mapping needs `{key}`, the name of {what}")  # noqa: TRY004 - same
    return name, parameters


def _key(name: str) -> str:
    """Names as people write them: U-shaped, u shaped and u_shaped are one."""
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def _there_are(known: Iterable[str]) -> str:
    return f" There are {', '.join(known)}"


def _only(written: Mapping[str, Any], known: Sequence[str], instead: str = "") -> None:
    unknown = [name for name in written if name not in known]
    if unknown:
        knows = instead or (f"it takes {', '.join(known)}" if known else "it takes no parameters")
        raise ValueError(f"unknown parameter {unknown[0]!r}{did_you_mean(unknown[0], known)}; {knows}")


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: expected a number, found {value!r}")
    return float(value)


def _at_least(least: int, value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name}: expected a whole number, found {value!r}")  # noqa: TRY004 - a value
    if value < least:
        raise ValueError(f"{name} must be {least} or greater")
    return value


def _share(value: object, name: str) -> float:
    share = _number(value, name)
    if not 0 <= share <= 1:
        raise ValueError(f"{name}: a share is from 0 to 1, found {share:g}")
    if 0 < share < LEAST_SHARE:
        raise ValueError(f"{name}: a share is 0 or at least {LEAST_SHARE:g}, found {share:g}")
    return share


def _is_one(weights: Mapping[str, float]) -> None:
    total = sum(weights.values())
    if abs(total - 1) > _ONE:
        raise ValueError(f"{' + '.join(weights)} must be 1, found {total:g}")


def _texts(value: object, name: str) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if texts is None:
        return ()
    if not isinstance(texts, Sequence) or not all(isinstance(one, str) and one.strip() for one in texts):
        raise ValueError(f"{name}: expected a list of channels")
    return tuple(texts)
