"""``python -m celeriac`` is the command ``celeriac``."""

from celeriac.cli import main

main(prog_name="celeriac")
