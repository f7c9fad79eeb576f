"""The desk's list of accounts is read from an index, whatever it is filtered by."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('access', '0003_sessions'),
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='account',
            index=models.Index(fields=['created_at'], name='account_listed'),
        ),
        AddIndexConcurrently(
            model_name='account',
            index=models.Index(condition=models.Q(('is_staff', True)), fields=['created_at'], name='account_of_staff'),
        ),
        AddIndexConcurrently(
            model_name='account',
            index=models.Index(condition=models.Q(('is_active', False)), fields=['created_at'], name='account_shut'),
        ),
    ]
