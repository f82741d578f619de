"""What the worker does: write the archive of a year, and keep the status of its lot in the database."""

import logging
import zipfile
from datetime import date

from django.conf import settings
from project.queue import app

from archives.models import Lot
from celeriac import ErrorInfo, Task

logger = logging.getLogger(__name__)


class LotTask(Task):
    """A task whose id is that of a lot, and whose hooks keep the lot's status."""

    def before_start(self, task_id: str, args: list, kwargs: dict) -> None:
        """It begins."""
        logger.info("Initialisation du statut du lot en base")
        Lot.objects.filter(id=task_id).update(status=Lot.Status.RUNNING)

    def on_success(self, retval: str, task_id: str, args: list, kwargs: dict) -> None:
        """It is done."""
        logger.info("Modification du statut du lot en réussi")
        Lot.objects.filter(id=task_id).update(status=Lot.Status.DONE, file=retval)

    def on_failure(self, exc: BaseException, task_id: str, args: list, kwargs: dict, einfo: ErrorInfo) -> None:
        """It has failed."""
        logger.info("Modification du statut du lot en échec")
        Lot.objects.filter(id=task_id).update(status=Lot.Status.FAILED, error=str(exc))


@app.task(name="task_generate_archive_files", base=LotTask)
def task_generate_archive_files(year: str) -> str:
    """Write the twelve monthly pages of a year into one file, and return its name."""
    months = [date(int(year), month, 1) for month in range(1, 13)]
    settings.MEDIA_ROOT.mkdir(exist_ok=True)
    path = settings.MEDIA_ROOT / f"{year}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for month in months:
            archive.writestr(f"{month:%Y-%m}.txt", f"Archive of {month:%B %Y}\n")
    return path.name
