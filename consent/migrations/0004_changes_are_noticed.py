"""Whatever a decision rests on, a change of it leaves a row in the feed, in its own transaction, whoever makes it."""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION consent_notice_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    row_data jsonb;
BEGIN
    row_data := CASE TG_OP WHEN 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
    INSERT INTO consent_decisionchange (subject, purpose, at)
    VALUES ((row_data ->> TG_ARGV[0])::uuid, row_data ->> TG_ARGV[1], statement_timestamp());
    RETURN NULL;
END
$$
"""
# table, when, column of the subject, column of the purpose ("-" names none)
TRIGGERS = (
    ("consent_standing", "INSERT OR UPDATE OR DELETE", "", "subject_id", "purpose"),
    ("consent_objection", "INSERT OR UPDATE OR DELETE", "", "subject_id", "purpose"),
    ("subjects_retention", "INSERT OR UPDATE OR DELETE", "", "subject_id", "purpose"),
    ("subjects_restriction", "INSERT OR UPDATE OR DELETE", "", "subject_id", "-"),
    ("subjects_applicationlink", "INSERT", "", "subject_id", "-"),
    ("subjects_subject", "UPDATE", "WHEN (OLD.erased_at IS DISTINCT FROM NEW.erased_at)", "id", "-"),
    *(
        (f"consent_{kind}", "UPDATE", "WHEN (OLD.state <> NEW.state AND 'live' IN (OLD.state, NEW.state))", "-", "-")
        for kind in ("purpose", "notice", "recipient", "datacontract")
    ),
)
TRIGGER = """
CREATE TRIGGER {table}_is_noticed AFTER {events} ON {table}
    FOR EACH ROW {when} EXECUTE FUNCTION consent_notice_change('{subject}', '{purpose}')
"""


class Migration(migrations.Migration):
    dependencies = [("consent", "0003_consent_events_append_only"), ("subjects", "0001_initial")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION consent_notice_change()"),
        *(
            migrations.RunSQL(
                TRIGGER.format(table=table, events=events, when=when, subject=subject, purpose=purpose),
                f"DROP TRIGGER {table}_is_noticed ON {table}",
            )
            for table, events, when, subject, purpose in TRIGGERS
        ),
    ]
