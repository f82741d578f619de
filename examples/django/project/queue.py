"""The application of Celeriac: what the tasks belong to and what the worker runs."""

import os

from celeriac import Celeriac
from celeriac.contrib.django import autodiscover_tasks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

app = Celeriac("archives")
app.config_from_object("django.conf:settings", namespace="CELERY")
autodiscover_tasks(app)
