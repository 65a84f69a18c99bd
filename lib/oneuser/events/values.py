"""Getters: an expression of a mapping, made into a function from a parsed object to a value.

A getter never raises and gives null for what is not there.
"""

from __future__ import annotations

from decimal import Context, Decimal, DecimalException
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from oneuser.events.spec import Concat, Const, Expression, FirstOf, Path, Time, UrlParam

if TYPE_CHECKING:
    from collections.abc import Callable

    Getter = Callable[[dict[str, Any]], Any]

# money times quantity stays exact far beyond what any currency needs
_EXACT = Context(prec=76)
_MAX_DIGITS = 38
_PAIR = 2


def make_getter(expression: Expression | None, *, is_table: bool = False) -> Getter:
    """A function that evaluates `expression` on an object.

    For tables a path's keys joined by dots are tried as one column name first, since columns may have dots.
    """
    if expression is None:
        return lambda _: None
    if isinstance(expression, Path):
        return _column_getter(expression.keys) if is_table else path_getter(expression.keys)
    if isinstance(expression, Const):
        value = expression.value
        return lambda _: value
    if isinstance(expression, Time):
        return make_getter(expression.part, is_table=is_table)
    if isinstance(expression, UrlParam):
        return _url_param_getter(make_getter(expression.part, is_table=is_table), expression.name)
    getters = tuple(make_getter(part, is_table=is_table) for part in expression.parts)
    if isinstance(expression, FirstOf):
        return _first_getter(getters)
    return _concat_getter(getters) if isinstance(expression, Concat) else _product_getter(getters)


def path_getter(keys: tuple[str, ...]) -> Getter:
    """A getter by keys from the top; unrolled, since it runs a dozen times for each line."""
    if len(keys) == 1:
        (only,) = keys
        return lambda top: top.get(only)
    *parents, last = keys
    if len(parents) == 1:
        (parent,) = parents

        def get_second(top: dict[str, Any]) -> Any:
            inner = top.get(parent)
            return inner.get(last) if type(inner) is dict else None

        return get_second

    def get_deep(top: dict[str, Any]) -> Any:
        inner: Any = top
        for key in parents:
            inner = inner.get(key)
            if type(inner) is not dict:
                return None
        return inner.get(last)

    return get_deep


def plain_text(value: Any) -> str | None:
    """A scalar as text; null for null, objects and arrays."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    return None


def url_params(url: Any) -> dict[str, str]:
    """Query parameters of a URL or of a bare query string that starts with `?`; the first of a name counts."""
    if not isinstance(url, str) or "?" not in url:
        return {}
    try:
        pairs = parse_qsl(urlsplit(url).query, max_num_fields=1000)
    except ValueError:
        return {}
    return dict(reversed(pairs))


def _column_getter(keys: tuple[str, ...]) -> Getter:
    column = ".".join(keys)
    nested = path_getter(keys)
    return lambda row: row[column] if column in row else nested(row)


def _first_getter(getters: tuple[Getter, ...]) -> Getter:
    if len(getters) == _PAIR:
        one, other = getters

        def get_either(top: dict[str, Any]) -> Any:
            value = one(top)
            return other(top) if value is None else value

        return get_either

    def get_first(top: dict[str, Any]) -> Any:
        for getter in getters:
            value = getter(top)
            if value is not None:
                return value
        return None

    return get_first


def _concat_getter(getters: tuple[Getter, ...]) -> Getter:
    def get_joined(top: dict[str, Any]) -> str | None:
        texts = [plain_text(getter(top)) for getter in getters]
        return None if None in texts else "".join(text for text in texts if text is not None)

    return get_joined


def _product_getter(getters: tuple[Getter, ...]) -> Getter:
    def get_product(top: dict[str, Any]) -> str | None:
        product = Decimal(1)
        for getter in getters:
            factor = _decimal(getter(top))
            if factor is None:
                return None
            product = _EXACT.multiply(product, factor)
        return format(product, "f")

    return get_product


def _decimal(value: Any) -> Decimal | None:
    """A number as it is written: 0.1 is one tenth. Null for text that is no number and for what cannot be exact."""
    text = plain_text(value)
    if text is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(text.strip())
    except DecimalException:
        return None
    if not number.is_finite():
        return None
    exponent = number.as_tuple().exponent
    is_small = (
        isinstance(exponent, int) and abs(exponent) <= _MAX_DIGITS and len(number.as_tuple().digits) <= _MAX_DIGITS
    )
    return number if is_small else None


def _url_param_getter(getter: Getter, name: str) -> Getter:
    return lambda top: url_params(getter(top)).get(name)
