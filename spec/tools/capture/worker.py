"""``python -m capture.worker worker ...``: the shop's worker, on the broker and backend of the environment.

Celery's own command imports Celery before the shop can fix the host name; this one does not.
"""

from __future__ import annotations

import os
import sys

from .shop import build

if __name__ == "__main__":
    extended = os.environ["CAPTURE_EXTENDED"] == "yes"
    app = build(os.environ["CAPTURE_BROKER"], os.environ["CAPTURE_BACKEND"], result_extended=extended)
    app.worker_main(sys.argv[1:])
