"""Ids of tasks, groups and deliveries: UUIDs of version 4, as text."""

from __future__ import annotations

import os


def new_id() -> str:
    """An id that was never given before: ``str(uuid.uuid4())``, without the object in between."""
    digits = os.urandom(16).hex()
    # Six of the bits say what kind of UUID it is: the digits 4, and one of 8, 9, a, b.
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
