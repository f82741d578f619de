"""``python -m celeriac_conformance`` is the command ``celeriac-conformance``."""

from celeriac_conformance.cli import main

if __name__ == "__main__":
    main()
