"""What is known of the lots."""

import uuid
from typing import ClassVar

from django.db import models


class Lot(models.Model):
    """One archive that was ordered. Its id is also that of the task that makes it."""

    class Status(models.TextChoices):
        """How far it is."""

        ORDERED = "ordered"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    year = models.CharField(max_length=20)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ORDERED)
    file = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        """By year: the ids are random."""

        ordering: ClassVar = ["year"]

    def __str__(self) -> str:
        return f"{self.year}: {self.status}"
