"""Orders archives from the site and waits until they are made: python order.py http://127.0.0.1:8000"""

import json
import sys
import time
import urllib.error
import urllib.request

SITE = sys.argv[1]


def ask(path: str, method: str = "GET") -> tuple[int, dict[str, str]]:
    """Status and answer of a request."""
    try:
        with urllib.request.urlopen(urllib.request.Request(SITE + path, method=method), timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


for year in ("1990", "199O"):
    _, ordered = ask(f"/archives/{year}/", "POST")
    while (lot := ask(f"/lots/{ordered['lot']}/")[1])["status"] in ("ordered", "running"):
        time.sleep(0.1)
    print(f"ordered {year}: {lot['status']}, {lot['file'] or lot['error']}")
print("ordered 1991 and rolled back:", ask("/archives/1991/?refuse", "POST")[0])
