"""A destroyed key leaves a dead row until the next vacuum: that is made to come within a minute (threat T38)."""

from django.db import migrations

SET = """
ALTER TABLE vault_datakey SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1)
"""
RESET = "ALTER TABLE vault_datakey RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)"


class Migration(migrations.Migration):
    dependencies = [("vault", "0001_wrapped_keys")]
    operations = [migrations.RunSQL(SET, RESET)]
