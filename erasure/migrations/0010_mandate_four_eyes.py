"""Who records a mandate does not accept it too. What one reviewer accepted alone before waits for another's look."""

from django.conf import settings
from django.db import migrations, models

# As if the person had objected (`erasure.services.mandates`): what has not begun stands still until it is decided anew.
ALONE = """
UPDATE erasure_rightsrequest request SET state = 'in_review' FROM erasure_mandate mandate
    WHERE mandate.id = request.mandate_id AND mandate.state = 'accepted'
        AND mandate.decided_by_id = mandate.recorded_by_id AND request.state = 'in_progress'
        AND NOT EXISTS (SELECT FROM erasure_step step WHERE step.request_id = request.id);
DELETE FROM erasure_mandatelink link USING erasure_mandate mandate
    WHERE mandate.id = link.mandate_id AND link.use = 'collect' AND mandate.state = 'accepted'
        AND mandate.decided_by_id = mandate.recorded_by_id;
UPDATE erasure_mandate
    SET state = 'waiting', decided_by_id = NULL, decided_at = NULL, answers_to_representative = false
    WHERE state = 'accepted' AND decided_by_id = recorded_by_id;
"""


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("erasure", "0009_by_controller"),
    ]

    operations = [
        migrations.RunSQL(ALONE, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="mandate",
            constraint=models.CheckConstraint(
                condition=~models.Q(state="accepted")
                | models.Q(recorded_by__isnull=True)
                | ~models.Q(decided_by=models.F("recorded_by")),
                name="mandate_four_eyes",
            ),
        ),
    ]
