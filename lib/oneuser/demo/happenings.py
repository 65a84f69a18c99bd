"""Messages of note: log-ins, sign-ups, aliases, accounts, clicks in e-mails, orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneuser.demo import visits as v
from oneuser.demo.vocabulary import INDUSTRIES, LAST_NAMES, PLANS, PRODUCTS, SERVER, page_json

if TYPE_CHECKING:
    from collections import Counter

    from oneuser.demo.names import Names

Bodies = list[tuple[str, str]]

_PAGE = f'"context":{{"page":{page_json("/account", "Account")},'
_SERVER = f'"context":{{{SERVER}'
_EURO_EVERY = 25
_QUANTITIES = (1, 1, 1, 2)


class Happenings:
    """Writes what happens in a visit beside browsing. Orders add to `revenue`, in minor units by currency."""

    def __init__(self, names: Names, revenue: Counter[str]) -> None:
        self._names = names
        self._revenue = revenue

    def of_visit(
        self, visits: v.Visits, row: int, anonymous: str, user: str, device: str, draws: list[int]
    ) -> tuple[Bodies, Bodies, Bodies]:
        """Pairs (kind, body) that come before the landing, after it, and at the end of the visit; mostly none."""
        happenings = int(visits.happenings[row])
        if not happenings:
            return [], [], []
        person, account, email = int(visits.person[row]), int(visits.account[row]), int(visits.email[row])
        who, context = anonymous + user, f"{_PAGE}{device}"
        before: Bodies = []
        after: Bodies = []
        if happenings & v.EMAIL_CLICK:
            before.append(("Email Link Clicked", self._email_click(email)))
        if happenings & v.IDENTIFY:
            written = _spelling(self._names.emails[email], draws[-1])
            after.append(("identify", f'{who}"type":"identify","traits":{{"email":"{written}"}},{context}'))
        if happenings & v.SIGN_UP:
            after.append(
                ("Signed Up", f'{who}"type":"track","event":"Signed Up","properties":{{"method":"email"}},{context}')
            )
        if happenings & v.ALIAS:
            previous = anonymous.replace("anonymousId", "previousId")
            after.append(("alias", f'{user}{previous}"type":"alias",{context}'))
        if happenings & v.RENAME:
            after.append(("alias", f'{user}"previousId":"{self._names.user_ids[person]}","type":"alias",{_SERVER}'))
        if happenings & v.GROUP:
            after.append(("group", f'{who}"type":"group",{account_json(account)}{context}'))
        end: Bodies = []
        if happenings & v.INVOICE:
            end.append(("Invoice Paid", _invoice(account, draws[-1])))
        if happenings & v.ORDER:
            by_server = bool(happenings & v.SERVER_ORDER)
            order = self._order(draws[-1], person)
            end.append(("Order Completed", f"{user if by_server else who}{order}{_SERVER if by_server else context}"))
        return before, after, end

    def _email_click(self, email: int) -> str:
        traits = f'"context":{{"traits":{{"email":"{self._names.emails[email]}"}},{SERVER}'
        return f'"type":"track","event":"Email Link Clicked","properties":{{"campaign":"weekly"}},{traits}'

    def _order(self, draw: int, person: int) -> str:
        items = []
        pence = 0
        for n in range(1 + draw % 3):
            product_id, name, _, price = PRODUCTS[(draw // 7 + n * 11) % len(PRODUCTS)]
            quantity = _QUANTITIES[(draw + n) % len(_QUANTITIES)]
            pence += price * quantity
            items.append(
                f'{{"product_id":"{product_id}","name":"{name}","price":{price / 100:.2f},"quantity":{quantity}}}'
            )
        currency = "EUR" if person % _EURO_EVERY == 0 else "GBP"
        self._revenue[currency] += pence
        return (
            f'"type":"track","event":"Order Completed","properties":{{"order_id":"O-{person}-{draw}",'
            f'"revenue":{pence / 100:.2f},'
            f'"currency":"{currency}","products":[{",".join(items)}]}},'
        )


def account_json(account: int) -> str:
    """An account as a group message carries it."""
    return (
        f'"groupId":"acme-{account:05d}","traits":{{"name":"{LAST_NAMES[account % len(LAST_NAMES)]} & Co {account}",'
        f'"plan":"{PLANS[account % len(PLANS)]}","industry":"{INDUSTRIES[account % len(INDUSTRIES)]}"}},'
    )


def _invoice(account: int, draw: int) -> str:
    """An event of the account: nobody's."""
    properties = f'"properties":{{"amount":{49 + draw % 900}.00,"currency":"GBP"}}'
    return f'"type":"track","event":"Invoice Paid",{properties},"context":{{"groupId":"acme-{account:05d}",{SERVER}'


def _spelling(email: str, draw: int) -> str:
    """The address as somebody typed it: capitals, or a space at an end, now and then."""
    variant = draw % 12
    if variant == 0:
        return email.title()
    if variant == 1:
        return f" {email} "
    return email.upper() if variant == 2 else email  # noqa: PLR2004 - one in twelve
