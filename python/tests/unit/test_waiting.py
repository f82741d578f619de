"""What ends a wait for a signal: one that came, or the time, in a process that was stopped meanwhile, too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

#: Seconds for which the process waits, twice; it is stopped for longer during the first.
WAIT = 0.2
SCRIPT = f"""
import signal
from celeriac.waiting import block, next_signal
block({{signal.SIGTERM}})
print("waits", flush=True)
print([next_signal({{signal.SIGTERM}}, {WAIT}) for _ in range(2)])
"""


def waited(*sent: int, stopped: bool) -> str:
    """What comes to a process that waits, and may be stopped until its time is over."""
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "waits\n"
        if stopped:
            process.send_signal(signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)
            time.sleep(2 * WAIT)
        for number in (*sent, signal.SIGCONT):
            process.send_signal(number)
        return process.stdout.read().strip()


@pytest.mark.parametrize("stopped", [False, True])
def test_time_that_passes_is_no_signal(stopped: bool) -> None:
    assert waited(stopped=stopped) == "[None, None]"


@pytest.mark.parametrize("stopped", [False, True])
def test_a_signal_that_comes_is_taken_once(stopped: bool) -> None:
    # Where its time is over as well, that may be told first.
    assert waited(signal.SIGTERM, stopped=stopped) in ("[15, None]", "[None, 15]")
