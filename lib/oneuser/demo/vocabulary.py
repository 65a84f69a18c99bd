"""Names, products, pages and devices of the made-up shop, as ready fragments of JSON.

A line is put together from fragments: that is what makes a million lines a matter of seconds.
"""

from __future__ import annotations

SHOP = "https://www.kettlewell.example"
PLACEHOLDER_EMAILS = ("test@example.com", "noreply@kettlewell.example", "noreply@example.com")

FIRST_NAMES = (
    "Ada", "Amir", "Anna", "Ben", "Bea", "Carl", "Chloe", "Dan", "Dina", "Elif", "Emma", "Finn", "Freya", "George",
    "Grace", "Hana", "Hugo", "Ines", "Ivan", "Jack", "Jane", "Kai", "Kate", "Leo", "Lena", "Liam", "Maya", "Max",
    "Mia", "Nia", "Noah", "Nora", "Oleg", "Olga", "Omar", "Petra", "Paul", "Priya", "Ravi", "Rosa", "Ruth", "Sam",
    "Sara", "Tariq", "Tess", "Tom", "Uma", "Vera", "Vik", "Wei", "Will", "Yara", "Yusuf", "Zoe",
)  # fmt: skip
LAST_NAMES = (
    "Adams", "Ahmed", "Baker", "Bauer", "Brown", "Chen", "Clarke", "Costa", "Davies", "Diaz", "Evans", "Fischer",
    "Fox", "Garcia", "Green", "Hall", "Hughes", "Ivanova", "Jones", "Kaur", "Khan", "King", "Lee", "Lopez",
    "Martin", "Meyer", "Miller", "Moore", "Novak", "Okafor", "Patel", "Price", "Quinn", "Rossi", "Scott", "Shah",
    "Silva", "Smith", "Taylor", "Turner", "Usman", "Vogel", "Walker", "Ward", "Weber", "White", "Wilson", "Wood",
    "Wright", "Young",
)  # fmt: skip
MAIL_DOMAINS = ("gmail.com", "outlook.com", "yahoo.co.uk", "icloud.com", "proton.me", "mail.example")
PLANS = ("free", "team", "business", "enterprise")
INDUSTRIES = ("retail", "software", "logistics", "hospitality", "education")

_ADJECTIVES = ("Copper", "Enamel", "Oak", "Slate", "Linen", "Brass", "Walnut", "Stone")
_NOUNS = ("Kettle", "Teapot", "Mug", "Tray", "Lamp", "Cushion", "Board", "Jug")
# Each with its id, name, category and price in pence.
PRODUCTS = tuple(
    (f"P{row:02d}{column:02d}", f"{adjective} {noun}", f"c{column % 4}", 499 + 350 * row + 725 * column)
    for row, adjective in enumerate(_ADJECTIVES)
    for column, noun in enumerate(_NOUNS)
)
_PAGES = (
    ("/", "Home"),
    ("/new", "New in"),
    ("/sale", "Sale"),
    ("/about", "About us"),
    ("/help", "Help"),
    ("/cart", "Cart"),
)

# What a client says of itself in every message; the fragment closes `context`.
_WEB_LIBRARY = '"library":{"name":"analytics.js","version":"2.11.1"}'
WEB_DEVICES = (
    f'{_WEB_LIBRARY},"locale":"en-GB","userAgent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/131.0"}},',
    f'{_WEB_LIBRARY},"locale":"en-GB","userAgent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605.1"}},',
    f'{_WEB_LIBRARY},"locale":"en-US","userAgent":"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1) Mobile Safari/604.1"}},',
)
APP_DEVICE = (
    '"library":{"name":"analytics-android","version":"4.11.3"},"app":{"name":"Kettlewell","version":"3.2.0"},'
    '"device":{"type":"android","model":"Pixel 8"},"os":{"name":"Android","version":"15"},"locale":"en-GB"},'
)
DEVICES = (*WEB_DEVICES, APP_DEVICE)
APP = len(DEVICES) - 1
SERVER = '"library":{"name":"analytics-python","version":"2.3.3"}},'

N_BROWSE = 1024


def product_json(number: int) -> str:
    """A product as the properties of an event about it."""
    product_id, name, category, pence = PRODUCTS[number % len(PRODUCTS)]
    price = f'"price":{pence / 100:.2f},"currency":"GBP"'
    return f'"product_id":"{product_id}","name":"{name}","category":"{category}",{price}'


def page_json(path: str, title: str) -> str:
    """A page of the shop as it stands in `context.page`."""
    return f'{{"path":"{path}","title":"{title}","url":"{SHOP}{path}","referrer":"{SHOP}/","search":""}}'


def browse_bodies(*, is_app: bool) -> list[tuple[str, str]]:
    """What a visitor does between landing and leaving: `N_BROWSE` pairs (kind, body), to be drawn evenly."""
    bodies = []
    for n in range(N_BROWSE):
        share = n / N_BROWSE
        path, title = _PAGES[n % len(_PAGES)]
        item = f"/p/{PRODUCTS[n % len(PRODUCTS)][0].lower()}"
        if share < 0.46:  # noqa: PLR2004 - the mix of the log
            kind, what = (
                ("screen", f'"type":"screen","name":"{title}"')
                if is_app
                else ("page", f'"type":"page","name":"{title}"')
            )
            properties = f'"path":"{path}","url":"{SHOP}{path}"'
        else:
            kind, path, title = _action(share), item, "Product"
            what, properties = f'"type":"track","event":"{kind}"', product_json(n)
            if kind == "Products Searched":
                properties, path, title = f'"query":"{_NOUNS[n % len(_NOUNS)].lower()}"', "/search", "Search"
        context = "" if is_app else f'"page":{page_json(path, title)},'
        bodies.append((kind, f'{what},"properties":{{{properties}}},"context":{{{context}'))
    return bodies


def _action(share: float) -> str:
    mix = ((0.72, "Product Viewed"), (0.84, "Products Searched"), (0.93, "Product Added"), (0.97, "Checkout Started"))
    return next((name for bound, name in mix if share < bound), "Product Reviewed")
