"""Who stands where for one purpose is counted without reading what stands for all others."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Not in one transaction: people go on answering while the index is built."""

    atomic = False
    dependencies = [("consent", "0010_revisions_are_kept")]
    operations = [
        AddIndexConcurrently("standing", models.Index(fields=["purpose", "recipient"], name="standing_by_purpose")),
    ]
