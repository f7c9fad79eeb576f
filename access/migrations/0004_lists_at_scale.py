"""The desk's list of accounts is read from an index, whatever it is filtered by."""

from django.db import migrations, models

from gdpr_portal.indexes import IndexBeside


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('access', '0003_sessions'),
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        IndexBeside(
            model_name='account',
            index=models.Index(fields=['created_at'], name='account_listed'),
        ),
        IndexBeside(
            model_name='account',
            index=models.Index(condition=models.Q(('is_staff', True)), fields=['created_at'], name='account_of_staff'),
        ),
        IndexBeside(
            model_name='account',
            index=models.Index(condition=models.Q(('is_active', False)), fields=['created_at'], name='account_shut'),
        ),
    ]
