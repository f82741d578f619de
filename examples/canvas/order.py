"""Sends canvases to the workers of ``shop_tasks`` and prints what comes back."""

from __future__ import annotations

from shop_tasks import app, basket, price, receipt, sorry, times, total

from celeriac import TaskFailure, chain, chord, group

PATIENCE = 20


def main() -> None:
    """Send one canvas after the other."""
    three_cups = chain(price.s("cup"), times.s(3), receipt.s("Ada"))
    print("chain: ", three_cups().get(PATIENCE))

    prices = group(price.s(article) for article in ("tea", "cup", "pot"))
    print("group: ", prices().get(PATIENCE))

    order = chord([price.s("tea"), price.s("cup") | times.s(2)])
    print("chord: ", order(total.s() | receipt.s("Grace")).get(PATIENCE))

    # A group with something after it is a chord, too.
    piped = prices | total.s() | receipt.s("Edsger")
    print("piped: ", piped.apply_async().get(PATIENCE))

    print("map:   ", price.map(["tea", "tea"]).apply_async().get(PATIENCE))
    print("chunks:", times.chunks([(n, 2) for n in range(5)], 2)().get(PATIENCE))

    replaced = basket.s(["tea", "pot"]) | total.s() | receipt.s("Alan")
    print("basket:", replaced.apply_async().get(PATIENCE))

    wrong = chord([price.s("tea"), price.s("samovar")])(total.s().on_error(sorry.s()))
    try:
        wrong.get(PATIENCE)
    except TaskFailure as failure:
        print("failed:", failure)


if __name__ == "__main__":
    with app:
        main()
