"""Consent events are append-only, whoever asks.

A row is refused every UPDATE, and DELETE unless its person was erased: the proof then ends after its own time
(Art. 17(3)(e), `consent.services.consents.end_proofs`). TRUNCATE is refused always.
"""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION consent_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT FROM subjects_subject WHERE id = OLD.subject_id AND erased_at IS NOT NULL) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '% on % refused: consent events are append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$
"""
ROWS = """
CREATE TRIGGER consent_event_append_only BEFORE UPDATE OR DELETE ON consent_consentevent
    FOR EACH ROW EXECUTE FUNCTION consent_refuse_change()
"""
TRUNCATE = """
CREATE TRIGGER consent_event_no_truncate BEFORE TRUNCATE ON consent_consentevent
    FOR EACH STATEMENT EXECUTE FUNCTION consent_refuse_change()
"""


class Migration(migrations.Migration):
    dependencies = [("consent", "0002_approved_is_immutable"), ("subjects", "0001_initial")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION consent_refuse_change()"),
        migrations.RunSQL(ROWS, "DROP TRIGGER consent_event_append_only ON consent_consentevent"),
        migrations.RunSQL(TRUNCATE, "DROP TRIGGER consent_event_no_truncate ON consent_consentevent"),
    ]
