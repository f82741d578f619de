"""The worker: a supervisor and N processes, each with a connection and a thread for it of its own.

supervisor      starts the processes, passes signals on, starts anew what has died
  node          a process that answers remote control for them all, and tells that the worker lives
  process       main thread, or those of ``threaded``: ``executor`` decodes, runs, decides;
                  ``courier`` thread: all input and output;  ``evented`` thread: runs ``async def`` tasks
"""

from celeriac.worker.settings import PREFORK, THREADS, WorkerSettings, node_name
from celeriac.worker.supervisor import BEAT, Supervisor

__all__ = ["BEAT", "PREFORK", "THREADS", "Supervisor", "WorkerSettings", "node_name"]
