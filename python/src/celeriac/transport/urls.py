"""URLs of brokers and backends, as messages and logs show them."""

from __future__ import annotations

HIDDEN = ":**"


def sanitized(url: str) -> str:
    """The URL without its password, and without its query, which may hold one, too. Any text will do."""
    scheme, mark, rest = url.partition("://")
    address, _, query = rest.partition("?")
    if "@" in query:
        # Is it a question mark in a password, or a password in the query? Nothing of either is shown.
        return f"{scheme}{mark}{address.partition(':')[0]}{HIDDEN}"
    # From the last one: a password that was not quoted may hold some.
    access, at, place = address.rpartition("@")
    user, colon, _ = access.partition(":")
    return f"{scheme}{mark}{user}{HIDDEN if colon else ''}{at}{place}"
