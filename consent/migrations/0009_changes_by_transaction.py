"""Changes are found by their transaction, and those are noticed too that services never make by themselves.

A thing of the catalogue that arrives live at once (copied in, put back), and a link that goes: whoever keeps a decision
(`consent.services.replica`) or follows the feed has to hear of it. `consent_notice_change` is of migration 0004.
"""

from django.db import migrations, models

TRIGGERS = (
    *(
        (f"consent_{kind}", "arrives", "INSERT", "WHEN (NEW.state = 'live')", "-")
        for kind in ("purpose", "notice", "recipient", "datacontract")
    ),
    ("subjects_applicationlink", "goes", "DELETE", "", "subject_id"),
)
TRIGGER = """
CREATE TRIGGER {table}_{what}_noticed AFTER {events} ON {table}
    FOR EACH ROW {when} EXECUTE FUNCTION consent_notice_change('{subject}', '-')
"""


class Migration(migrations.Migration):
    dependencies = [("consent", "0008_notices_tried_until"), ("subjects", "0001_initial")]

    operations = [
        migrations.AddIndex(
            model_name="decisionchange",
            index=models.Index(fields=["xid"], name="change_by_transaction"),
        ),
        *(
            migrations.RunSQL(
                TRIGGER.format(table=table, what=what, events=events, when=when, subject=subject),
                f"DROP TRIGGER {table}_{what}_noticed ON {table}",
            )
            for table, what, events, when, subject in TRIGGERS
        ),
    ]
