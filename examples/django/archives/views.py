"""Order an archive, and ask how far it is."""

from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET, require_POST

from archives.models import Lot
from archives.tasks import task_generate_archive_files
from celeriac.contrib.django import apply_async_on_commit


@require_POST
@transaction.atomic
def order(request: HttpRequest, year: str) -> JsonResponse:
    """Answer at once. The task is sent when the lot is committed, so that the worker finds it."""
    lot = Lot.objects.create(year=year)
    apply_async_on_commit(task_generate_archive_files, (year,), task_id=str(lot.id))
    if "refuse" in request.GET:
        transaction.set_rollback(True)
        return JsonResponse({"error": "rolled back: no lot, and no task"}, status=409)
    return JsonResponse({"lot": str(lot.id)}, status=202)


@require_GET
def show(_request: HttpRequest, lot_id: str) -> JsonResponse:
    """The lot as the database has it."""
    lot = get_object_or_404(Lot, id=lot_id)
    return JsonResponse({"year": lot.year, "status": lot.status, "file": lot.file, "error": lot.error})
