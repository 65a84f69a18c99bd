"""Parts of a campaign that are an identifier of whoever the message is from: senders of e-mails write them into links.

Campaigns are copied into pseudonymous tables, which hold no value of anybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneuser.events.memo import Memo
from oneuser.events.normalise import make_normaliser

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from oneuser.events.capture import Link
    from oneuser.events.spec import IdTypeSpec

_MEMO_SIZE = 20_000


class OwnValues:
    """Tells parts of campaigns that are an identifier of their message in whatever spelling."""

    def __init__(self, id_types: Iterable[IdTypeSpec]) -> None:
        self._normalisers = [make_normaliser(one) for one in id_types]
        # campaigns come again and again
        self._forms = Memo(self._forms_of, _MEMO_SIZE)

    def without(self, parts: Sequence[str | None], links: Iterable[Link]) -> list[str | None]:
        """The parts of one message, null where one is an identifier of it."""
        if not any(parts):
            return list(parts)
        own = {link.identifier.value.casefold() for link in links}
        return [None if part is not None and not own.isdisjoint(self._forms[part]) else part for part in parts]

    def _forms_of(self, part: str) -> frozenset[str]:
        forms = {normalise(part) for normalise in self._normalisers}
        return frozenset(form.casefold() for form in (part.strip(), *forms) if form)
