"""What a sweep or a chart asks of consents is found by an index, however many people there are."""

import django.contrib.postgres.indexes
from django.db import migrations, models

from gdpr_portal.indexes import IndexBeside


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('access', '0004_lists_at_scale'),
        ('consent', '0009_changes_by_transaction'),
        ('subjects', '0002_what_nobody_vouches_for'),
    ]

    operations = [
        IndexBeside(
            model_name='confirmation',
            index=models.Index(models.OrderBy(models.F('looked_at'), nulls_first=True), condition=models.Q(('kind', 'parent'), ('state', 'confirmed')), name='confirmation_of_parent'),
        ),
        IndexBeside(
            model_name='consentevent',
            index=django.contrib.postgres.indexes.BrinIndex(fields=['at'], name='consent_time'),
        ),
        IndexBeside(
            model_name='standing',
            index=models.Index(condition=models.Q(('recipient', ''), ('state', 'given')), fields=['purpose', 'expires_at'], name='standing_to_end'),
        ),
    ]
