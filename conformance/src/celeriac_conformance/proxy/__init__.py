"""A proxy between a testee and a broker that knows frames: it cuts, holds or slows a connection at a chosen one.

    with Proxy.of("amqp://guest:guest@127.0.0.1:5672//") as proxy:
        fault = proxy.plan(Rule(CUT, "basic.ack", nth=2))
        ...                        # the testee uses proxy.url
        fault.wait(5)              # True: it has happened
        print(proxy.log.text())    # what crossed, decoded

What is decided is decided by what crosses, never by a clock: the same traffic meets the same fault.
"""

from __future__ import annotations

from celeriac_conformance.proxy.frames import BadFrame, Frame
from celeriac_conformance.proxy.relay import Proxy
from celeriac_conformance.proxy.rules import CUT, DELAY, HOLD, SWALLOW, THROTTLE, Fault, Rule

__all__ = ["CUT", "DELAY", "HOLD", "SWALLOW", "THROTTLE", "BadFrame", "Fault", "Frame", "Proxy", "Rule"]
