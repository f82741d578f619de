"""What the worker does: write the archive of a year and keep the status of its lot in the database."""

import logging
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from django.conf import settings
from project.queue import app

from archives.models import Lot
from celeriac import Task

logger = logging.getLogger(__name__)


@contextmanager
def status_of(lot_id: str) -> Iterator[None]:
    """Keep the status of a lot: running, then done or failed."""
    lots = Lot.objects.filter(id=lot_id)
    logger.info("Initialisation du statut du lot en base")
    lots.update(status=Lot.Status.RUNNING)
    try:
        yield
    except Exception as error:
        logger.info("Modification du statut du lot en échec")
        lots.update(status=Lot.Status.FAILED, error=str(error))
        raise
    logger.info("Modification du statut du lot en réussi")
    lots.update(status=Lot.Status.DONE)


@app.task(name="task_generate_archive_files", bind=True)
def task_generate_archive_files(self: Task, year: str) -> str:
    """Write the twelve monthly pages of a year into one file, and return its name."""
    with status_of(self.request.id):
        months = [date(int(year), month, 1) for month in range(1, 13)]
        settings.MEDIA_ROOT.mkdir(exist_ok=True)
        path = settings.MEDIA_ROOT / f"{year}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for month in months:
                archive.writestr(f"{month:%Y-%m}.txt", f"Archive of {month:%B %Y}\n")
        Lot.objects.filter(id=self.request.id).update(file=path.name)
    return path.name
