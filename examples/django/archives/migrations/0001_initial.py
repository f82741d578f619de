"""The table of lots."""

import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    """As `manage.py makemigrations` wrote it."""

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Lot",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("year", models.CharField(max_length=20)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("ordered", "Ordered"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="ordered",
                        max_length=10,
                    ),
                ),
                ("file", models.CharField(blank=True, max_length=200)),
                ("error", models.TextField(blank=True)),
            ],
            options={
                "ordering": ["year"],
            },
        ),
    ]
