"""Currencies: how many decimals the smallest unit of each stands for, by ISO 4217."""

from __future__ import annotations

# digits after the point, where they are not 2; metals and units of account, which have no smaller unit, count as others
EXPONENTS: dict[int, tuple[str, ...]] = {
    0: ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF",
        "XPF"),
    3: ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"),
    4: ("CLF", "UYW"),
}  # fmt: skip
USUAL_EXPONENT = 2
_EXPONENT_OF = {currency: exponent for exponent, currencies in EXPONENTS.items() for currency in currencies}


def exponent_of(currency: str) -> int:
    """Digits after the point of a currency; 2 for one that the table does not name."""
    return _EXPONENT_OF.get(currency, USUAL_EXPONENT)
