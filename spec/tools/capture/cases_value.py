# ruff: noqa: E501  (tables: one case a line)
"""Values for serialization/, and the sample of them that also travels as task arguments and results."""

from __future__ import annotations

# (name, about, requirements, Python source)
Row = tuple[str, str, tuple[str, ...], str]

TYPED: tuple[Row, ...] = (
    ("datetime-utc", "an aware datetime in UTC", ("SER-TYPE-001",), "datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)"),
    ("datetime-offset-micros", "an aware datetime with an offset and microseconds", ("SER-TYPE-001",), "datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=-4)))"),
    ("datetime-naive", "a naive datetime", ("SER-TYPE-001",), "datetime(2026, 1, 2, 3, 4, 5)"),
    ("date", "a date", ("SER-TYPE-002",), "date(2026, 1, 2)"),
    ("time", "a time of day with microseconds", ("SER-TYPE-003",), "time(3, 4, 5, 678901)"),
    ("uuid", "a UUID", ("SER-TYPE-004",), "UUID('12345678-1234-5678-1234-567812345678')"),
    ("decimal", "a decimal keeps its trailing zero", ("SER-TYPE-005",), "Decimal('1.10')"),
    ("bytes-text", "bytes that are UTF-8 text", ("SER-TYPE-006",), "'Grüße'.encode()"),
    ("bytes-binary", "bytes that are not UTF-8", ("SER-TYPE-007",), "b'\\xff\\x00\\xfe'"),
    ("typed-nested", "typed values deep inside lists and objects", ("SER-TYPE-008",), "{'lines': [{'due': date(2026, 1, 2), 'price': Decimal('9.90')}, [b'raw', [UUID(int=1)]]]}"),
)  # fmt: skip

NUMBERS: tuple[Row, ...] = (
    ("float-integral", "1.0 is a float and stays one", ("SER-JSON-004",), "1.0"),
    ("float-negative-zero", "-0.0 keeps its sign", ("SER-JSON-004",), "-0.0"),
    ("float-1e16", "a large float is written with an exponent", ("SER-JSON-004",), "1e16"),
    ("float-nan", "NaN is sent bare", ("SER-JSON-005",), "nan"),
    ("float-infinity", "Infinity and -Infinity are sent bare", ("SER-JSON-005",), "[inf, -inf]"),
    ("int-over-53-bits", "2^53 + 1 is exact on the wire", ("SER-JSON-003",), "2**53 + 1"),
    ("int-over-64-bits", "integers have no upper limit", ("SER-JSON-003",), "[2**64 + 1, -(2**64) - 1]"),
)  # fmt: skip

SHAPES: tuple[Row, ...] = (
    ("object-other-keys", "keys that are not strings become strings", ("SER-JSON-008",), "{1: 'a', None: 'b', False: 'c', 1.5: 'd'}"),
)  # fmt: skip

#: These also travel as task arguments.
SAMPLES = TYPED + NUMBERS + SHAPES

MORE: tuple[Row, ...] = (
    ("null", "null", ("SER-JSON-001",), "None"),
    ("booleans", "true and false", ("SER-JSON-001",), "[True, False]"),
    ("empty", "empty text, list and object are three different values", ("SER-JSON-001",), "['', [], {}]"),
    ("text-unicode", "non-ASCII text is escaped by Celery; readers take both forms", ("SER-JSON-002",), "'Grüße, 世界 🐇'"),
    ("text-control", "control characters, quotes and the NUL", ("SER-JSON-002",), "'a\\x00b\\t\\n\"\\\\/\\x7f\\u2028'"),
    ("float-fraction", "an ordinary fraction", ("SER-JSON-004",), "[0.1, -2.5, 3.141592653589793]"),
    ("float-extremes", "the smallest and the largest float", ("SER-JSON-004",), "[5e-324, 1.7976931348623157e308]"),
    ("int-53-bits", "the largest integers that every reader holds", ("SER-JSON-003",), "[2**53 - 1, -(2**53) + 1, 0]"),
    ("int-10-to-30", "a one with thirty zeros", ("SER-JSON-003",), "10**30"),
    ("array-nested", "arrays in arrays", ("SER-JSON-001",), "[[1, [2, [3, []]]], []]"),
    ("array-nested-100", "a hundred levels are allowed", ("SER-JSON-009",), "nested(100)"),
    ("tuple", "a tuple becomes an array", ("SER-JSON-001",), "(1, (2, 3))"),
    ("object-dollar", "an object of the user that looks like a tag of these vectors", ("SER-JSON-001",), "{'$bytes': 'not a tag'}"),
    ("object-type-with-extra", "one more key disarms the type tag", ("SER-TYPE-011",), "{'__type__': 'datetime', '__value__': 'x', 'note': 'an ordinary object'}"),
    ("object-type-alone", "__type__ without __value__ is an ordinary object", ("SER-TYPE-011",), "{'__type__': 'datetime'}"),
    ("bytes-empty", "empty bytes", ("SER-TYPE-006",), "b''"),
    ("time-plain", "a time of day without microseconds", ("SER-TYPE-003",), "time(3, 4, 5)"),
    ("decimal-special", "decimals beyond ordinary numbers", ("SER-TYPE-005",), "[Decimal('NaN'), Decimal('1E+3'), Decimal('-0'), Decimal('12345678901234567890.123456789')]"),
    ("optional/lone-surrogate", "half of a surrogate pair, which not every language can hold", ("SER-JSON-012",), "'\\ud83d'"),
)  # fmt: skip

VALUES = SAMPLES + MORE
