"""What a sweep or a chart asks of consents is found by an index, however many people there are."""

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('access', '0004_lists_at_scale'),
        ('consent', '0009_changes_by_transaction'),
        ('subjects', '0002_what_nobody_vouches_for'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='confirmation',
            index=models.Index(models.OrderBy(models.F('looked_at'), nulls_first=True), condition=models.Q(('kind', 'parent'), ('state', 'confirmed')), name='confirmation_of_parent'),
        ),
        AddIndexConcurrently(
            model_name='consentevent',
            index=django.contrib.postgres.indexes.BrinIndex(fields=['at'], name='consent_time'),
        ),
        AddIndexConcurrently(
            model_name='standing',
            index=models.Index(condition=models.Q(('recipient', ''), ('state', 'given')), fields=['purpose', 'expires_at'], name='standing_to_end'),
        ),
    ]
