"""The tasks of a small shop: what a worker runs, and what canvases are made of."""

from __future__ import annotations

from celeriac import Celeriac, Request, Task, group

app = Celeriac("canvas")

PRICES = {"tea": 4, "cup": 7, "pot": 21}


@app.task(name="canvas.price")
def price(article: str) -> int:
    """What an article costs."""
    if article not in PRICES:
        raise LookupError(f"we do not sell {article}")
    return PRICES[article]


@app.task(name="canvas.total")
def total(prices: list[int]) -> int:
    """The sum of a list of prices."""
    return sum(prices)


@app.task(name="canvas.times")
def times(amount: int, factor: int) -> int:
    """An amount, so many times."""
    return amount * factor


@app.task(name="canvas.receipt")
def receipt(amount: int, customer: str) -> str:
    """What the customer gets to see."""
    return f"{customer} pays {amount}"


@app.task(name="canvas.sorry")
def sorry(request: Request, error: BaseException, _traceback: str | None) -> None:
    """An errback: called in the worker where something failed, with what went wrong."""
    print(f"order {request.id} failed: {error}", flush=True)


@app.task(name="canvas.basket", bind=True)
def basket(self: Task[[list[str]], list[int]], articles: list[str]) -> list[int]:
    """The prices of a basket: nobody knew before how many there are, so the task lets a group take its place."""
    return self.replace(group(price.s(article) for article in articles))
