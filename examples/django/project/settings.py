"""Settings of the project. Those of Celeriac begin with CELERY_, as in a project that used Celery."""

import os
from pathlib import Path

DATA = Path(os.environ.get("ARCHIVES_DATA", Path(__file__).resolve().parent.parent / "data"))
DATA.mkdir(exist_ok=True)

SECRET_KEY = "for this example only"
DEBUG = True
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "project.urls"
INSTALLED_APPS = ["archives"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA / "db.sqlite3"}}
MEDIA_ROOT = DATA / "archives"

CELERY_BROKER_URL = os.environ.get("CELERIAC_BROKER", "amqp://guest:guest@localhost//")
CELERY_RESULT_BACKEND = os.environ.get("CELERIAC_BACKEND", "rpc://")
CELERY_TASK_DEFAULT_QUEUE = os.environ.get("ARCHIVES_QUEUE", "archives")
