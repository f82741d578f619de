"""How commands log to stderr: lines for people, or one JSON object a line for machines."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone
from typing import Any

from celeriac.task import current_request

TEXT, JSON = "text", "json"
TEXT_FORMAT = "[%(asctime)s: %(levelname)s/%(process)d] %(message)s"
#: What every record has; the rest was given as ``extra``.
_OF_ALL = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON.

    ``time`` (ISO, UTC), ``level``, ``logger``, ``message`` and ``process`` are always there; ``task`` and ``task_id``
    while a task runs, also for what its own code logs; ``exception`` is a traceback; then come the record's extras.
    """

    def format(self, record: logging.LogRecord) -> str:
        """See ``logging.Formatter.format``."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        request = current_request.get()
        if request is not None:
            line |= {"task": request.task, "task_id": request.id}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        line |= {name: value for name, value in vars(record).items() if name not in _OF_ALL}
        return json.dumps(line, default=repr)


def set_up(level: str, form: str) -> None:
    """Log to stderr, unless the application has set up logging itself. ``form`` is ``text`` or ``json``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == JSON else logging.Formatter(TEXT_FORMAT))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    # Else they would stand between the lines.
    logging.captureWarnings(form == JSON)
