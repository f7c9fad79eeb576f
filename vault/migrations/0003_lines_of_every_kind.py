"""The shred ledger knows withdrawals, restrictions and objections too; their lines are written after the commit."""

from django.db import migrations, models

NAMED = "UPDATE vault_tombstone SET kind = CASE WHEN replaced THEN 'replaced' ELSE 'destroyed' END"
BACK = "UPDATE vault_tombstone SET replaced = (kind = 'replaced')"


class Migration(migrations.Migration):
    dependencies = [("vault", "0002_vacuum_at_once")]
    operations = [
        migrations.CreateModel(
            name="UnwrittenLine",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("since", models.DateTimeField()),
            ],
        ),
        migrations.AddField("tombstone", "kind", models.CharField(max_length=16, default="destroyed"), preserve_default=False),
        migrations.AlterField("tombstone", "replaced", models.BooleanField(default=False)),
        migrations.RunSQL(NAMED, BACK),
        migrations.RemoveField("tombstone", "replaced"),
    ]
