"""The tasks of a shop: what is tested."""

from __future__ import annotations

from celeriac import Celeriac

app = Celeriac("shop", task_default_queue="testing")
STOCK = {"bean": 3}


@app.task(name="shop.price")
def price(cents: int, pieces: int) -> int:
    """The price of so many pieces."""
    return cents * pieces


@app.task(name="shop.total")
def total(prices: list[int]) -> int:
    """The sum of prices."""
    return sum(prices)


@app.task(name="shop.take", autoretry_for=(LookupError,), max_retries=1, default_retry_delay=0)
def take(name: str) -> int:
    """Take one from the stock; how many are left. Tried once more when there is none."""
    if not STOCK.get(name):
        raise LookupError(f"out of stock: {name}")
    STOCK[name] -= 1
    return STOCK[name]
