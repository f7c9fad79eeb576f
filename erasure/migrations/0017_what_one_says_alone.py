"""What one says alone destroys nothing and hands nothing out. What one began before waits for another's look."""

from django.db import migrations, models

ALONE = """
UPDATE erasure_transfer SET state = 'proposed', lease_until = NULL, next_at = NULL, fence = fence + 1
    WHERE asked_by_id IS NOT NULL AND state IN ('waiting', 'sending');
UPDATE erasure_withheldrows SET decision = '', proposed_by_id = decided_by_id, decided_by_id = NULL, decided_at = NULL
    WHERE decision = 'change' AND changed_at IS NULL;
SET CONSTRAINTS ALL IMMEDIATE;
"""


class Migration(migrations.Migration):
    dependencies = [("erasure", "0016_second_person")]

    operations = [
        migrations.RunSQL(ALONE, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name='rightsrequest',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('right__in', ['erasure', 'rectification']), ('state__in', ['in_progress', 'completed']), _negated=True), ('vouched_by__isnull', True), ('outcome', 'nothing_held'), models.Q(('reviewer__isnull', False), models.Q(('reviewer', models.F('vouched_by')), _negated=True)), _connector='OR'), name='request_four_eyes'),
        ),
        migrations.AddConstraint(
            model_name='transfer',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'proposed')), fields=('request',), name='one_proposed_transfer'),
        ),
        migrations.AddConstraint(
            model_name='transfer',
            constraint=models.CheckConstraint(condition=models.Q(('asked_by__isnull', True), models.Q(('state__in', ['waiting', 'sending']), _negated=True), models.Q(('agreed_by__isnull', False), models.Q(('agreed_by', models.F('asked_by')), _negated=True)), _connector='OR'), name='transfer_four_eyes'),
        ),
        migrations.AddConstraint(
            model_name='withheldrows',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decision', 'change'), _negated=True), models.Q(('proposed_by__isnull', False), models.Q(('proposed_by', models.F('decided_by')), _negated=True)), models.Q(('changed_at__isnull', False), ('proposed_by__isnull', True)), _connector='OR'), name='withheld_four_eyes'),
        ),
    ]
