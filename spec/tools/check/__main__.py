"""The gate: ``python spec/tools/check``. Exits 0 when everything agrees, 1 with every fault and its remedy.

``--coverage`` prints what proves the requirements and checks nothing. Needs Python 3.10 and the packages of ``needs``.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from check import needs

needs.demand()

from check.gate import main  # noqa: E402 - loads what was demanded

if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # whoever read the report has seen enough
        sys.stderr.close()
