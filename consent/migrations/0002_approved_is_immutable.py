"""Approved content does not change and does not go: triggers refuse it, whoever asks (Art. 5(2), Art. 7(1)).

From `approved` on, only the state, its times and the note of a row may still change, and the state only forwards. The
texts of a notice are bound to the state of their notice, which is locked while one is written.
"""

from django.db import migrations

TABLES = ("consent_component", "consent_purpose", "consent_notice", "consent_recipient", "consent_datacontract")

FUNCTIONS = """
CREATE FUNCTION consent_keep_approved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    free text[] := ARRAY['state', 'review_note', 'published_at', 'retired_at'];
    states text[] := ARRAY['draft', 'in_review', 'approved', 'live', 'retired'];
BEGIN
    IF OLD.state IN ('draft', 'in_review') THEN
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'DELETE on % refused: it was approved', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF to_jsonb(OLD) - free IS DISTINCT FROM to_jsonb(NEW) - free
        OR array_position(states, NEW.state::text) < array_position(states, OLD.state::text)
        OR (OLD.published_at IS NOT NULL AND NEW.published_at IS DISTINCT FROM OLD.published_at)
        OR (OLD.retired_at IS NOT NULL AND NEW.retired_at IS DISTINCT FROM OLD.retired_at) THEN
        RAISE EXCEPTION 'UPDATE on % refused: it was approved', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE FUNCTION consent_keep_approved_text() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    notices bigint[] := ARRAY[]::bigint[];
    found text;
BEGIN
    IF TG_OP <> 'INSERT' THEN notices := notices || OLD.notice_id; END IF;
    IF TG_OP <> 'DELETE' THEN notices := notices || NEW.notice_id; END IF;
    FOR found IN SELECT state FROM consent_notice WHERE id = ANY(notices) ORDER BY id FOR SHARE LOOP
        IF found NOT IN ('draft', 'in_review') THEN
            RAISE EXCEPTION '% on % refused: its notice was approved', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END LOOP;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END
$$;
"""
BACK = "DROP FUNCTION consent_keep_approved(); DROP FUNCTION consent_keep_approved_text()"
TRIGGER = """
CREATE TRIGGER {table}_keep_approved BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION consent_keep_approved()
"""
TEXT_TRIGGER = """
CREATE TRIGGER consent_noticetext_keep_approved BEFORE INSERT OR UPDATE OR DELETE ON consent_noticetext
    FOR EACH ROW EXECUTE FUNCTION consent_keep_approved_text()
"""


class Migration(migrations.Migration):
    dependencies = [("consent", "0001_initial")]

    operations = [
        migrations.RunSQL(FUNCTIONS, BACK),
        *(
            migrations.RunSQL(TRIGGER.format(table=table), f"DROP TRIGGER {table}_keep_approved ON {table}")
            for table in TABLES
        ),
        migrations.RunSQL(TEXT_TRIGGER, "DROP TRIGGER consent_noticetext_keep_approved ON consent_noticetext"),
    ]
