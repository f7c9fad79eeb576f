"""Addresses of parents that are to be forgotten are found by an index."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('consent', '0009_changes_by_transaction'),
        ('subjects', '0002_what_nobody_vouches_for'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='confirmation',
            index=models.Index(condition=models.Q(('holder_sealed__isnull', False), ('state', 'waiting')), fields=['expires_at'], name='confirmation_to_forget'),
        ),
    ]
