"""Getters: an expression of a mapping, made into a function from a parsed object to a value.

A getter never raises and gives null for what is not there.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, DecimalException
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from oneuser.events.spec import Concat, Const, Expression, FirstOf, Path, Product, Time, UrlParam

if TYPE_CHECKING:
    from collections.abc import Callable

    Getter = Callable[[dict[str, Any]], Any]

# money times quantity stays exact far beyond what any currency needs
_EXACT = Context(prec=76)
_MAX_DIGITS = 38
_PAIR = 2
_EMPTY: dict[str, Any] = {}
# 0.925 has no thousands
_COMMA_NUMBER = re.compile(r"[+-]?(?:[1-9][0-9]{0,2}(?:\.[0-9]{3})+|[0-9]+)(?:,[0-9]+)?")
# an ampersand that was escaped for HTML, once or more often, on its way into a link
_ESCAPED_AMPERSAND = re.compile(r"&(?:(?:amp|#0*38|#[xX]0*26)(?:;|%3[bB]))+")


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


def make_comma_getter(expression: Expression, *, is_table: bool = False) -> Getter:
    """The same where numbers have a comma before their decimals: `1.299,00` becomes `1299.00`, in a product too."""
    if isinstance(expression, FirstOf | Product):
        getters = tuple(make_comma_getter(part, is_table=is_table) for part in expression.parts)
        return _first_getter(getters) if isinstance(expression, FirstOf) else _product_getter(getters)
    getter = make_getter(expression, is_table=is_table)

    def get_pointed(top: dict[str, Any]) -> Any:
        value = getter(top)
        return decimal_point(value) if type(value) is str else value

    return get_pointed


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
            if type(inner) is dict:
                return inner.get(last)
            return None if inner is None else (open_text(inner) or _EMPTY).get(last)

        return get_second

    def get_deep(top: dict[str, Any]) -> Any:
        inner: Any = top
        for key in parents:
            inner = inner.get(key)
            if type(inner) is not dict:
                inner = None if inner is None else open_text(inner)
                if inner is None:
                    return None
        return inner.get(last)

    return get_deep


def open_text(value: Any) -> dict[str, Any] | None:
    """The object that a text holds as JSON, as tables and some writers have it; null for any other value.

    An empty list is an empty object: so do programs write one in whose language the two are the same.
    """
    if type(value) is not str:
        return {} if type(value) is list and not value else None
    if "{" not in value or not value.lstrip().startswith("{"):
        return None
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    return found if type(found) is dict else None


def plain_text(value: Any) -> str | None:
    """A scalar as text; null for null, objects and arrays."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    return None


def decimal_point(text: str) -> str:
    """A number with a comma before its decimals, points between its thousands aside, with a point; else the text."""
    number = text.strip()
    if _COMMA_NUMBER.fullmatch(number) is None:
        return text
    return number.replace(".", "").replace(",", ".")


def url_params(url: Any) -> dict[str, str]:
    """Query parameters of a URL or of a bare query string that starts with `?`; the first of a name counts.

    Those behind `#` count where the query lacks them: there applications of one page keep theirs. An ampersand that was
    escaped for HTML (`&amp;`, `&#038;`) is one.
    """
    if not isinstance(url, str) or ("?" not in url and "#" not in url):
        return {}
    if "&amp" in url or "&#" in url:
        url = _ESCAPED_AMPERSAND.sub("&", url)
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, max_num_fields=1000)
        if "=" in parts.fragment:
            pairs += parse_qsl(parts.fragment.rpartition("?")[2], max_num_fields=1000)
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
            return other(top) if value is None or value == "" else value

        return get_either

    def get_first(top: dict[str, Any]) -> Any:
        for getter in getters:
            value = getter(top)
            if value is not None and value != "":
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
