"""What a law kept is known afterwards too: an ended retention stays, as codes and dates (docs/decisions/0010)."""

import django.utils.timezone
from django.db import migrations, models

BEGUN = """
UPDATE subjects_retention r SET since = s.erased_at FROM subjects_subject s
WHERE s.id = r.subject_id AND s.erased_at IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [("subjects", "0002_longer_language_tags")]

    operations = [
        migrations.AddField(
            model_name="retention", name="since", field=models.DateTimeField(default=django.utils.timezone.now)
        ),
        migrations.AddField(model_name="retention", name="ended_at", field=models.DateTimeField(null=True)),
        migrations.RemoveConstraint(model_name="retention", name="retention_once"),
        migrations.AddConstraint(
            model_name="retention",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at__isnull", True)), fields=("subject", "purpose"), name="retention_once"
            ),
        ),
        migrations.RunSQL(BEGUN, migrations.RunSQL.noop),
    ]
