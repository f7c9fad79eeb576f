"""What is live changes by its approved revision and in no other way; deputies stay apart; comments are never changed.

Art. 5(2), Art. 6(1), threat T16. `consent_keep_approved` is the function of migration 0002, now also for revisions:
the content of a published thing may change to exactly the `values` of its live revision, from exactly its `before`;
name and lawful basis never do. Approvals and delegations are judged one after the other, under one advisory lock.
"""

from django.db import migrations

TABLES = ("component", "purpose", "notice", "recipient", "datacontract", "revision")
LOCK = 0x67647072346579  # "gdpr4ey", as in consent.services.delegations

KEEP = """
CREATE FUNCTION consent_columns_of(row_data jsonb, names jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(row_data) WHERE names ? key
$$;
CREATE FUNCTION consent_is_revised(kind_of text, was jsonb, becomes jsonb, free text[]) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    revision record;
    others text[];
BEGIN
    SELECT r.before, r.values INTO revision FROM consent_revision r
        WHERE r.kind = kind_of AND r.slug = was ->> 'slug' AND r.state = 'live';
    IF NOT FOUND THEN RETURN false; END IF;
    others := free || ARRAY['digest', 'application_id'] || ARRAY(SELECT jsonb_object_keys(revision.values));
    RETURN was - others IS NOT DISTINCT FROM becomes - others
        AND consent_columns_of(was, revision.before) = revision.before
        AND consent_columns_of(becomes, revision.values) = revision.values;
END
$$;
CREATE FUNCTION consent_with_application(row_data jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT row_data || jsonb_build_object('application',
        (SELECT a.slug FROM access_application a WHERE a.id = (row_data ->> 'application_id')::uuid))
$$;
CREATE OR REPLACE FUNCTION consent_keep_approved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    free text[] := ARRAY['state', 'review_note', 'published_at', 'retired_at', 'publish_at', 'scheduled_by_id'];
    states text[] := ARRAY['draft', 'in_review', 'approved', 'scheduled', 'live', 'retired'];
    kind_of text := replace(TG_TABLE_NAME, 'consent_', '');
    was jsonb := to_jsonb(OLD);
    becomes jsonb;
BEGIN
    IF OLD.state IN ('draft', 'in_review') THEN
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'DELETE on % refused: it was approved', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    becomes := to_jsonb(NEW);
    IF kind_of = 'purpose' AND was ->> 'lawful_basis' <> becomes ->> 'lawful_basis' THEN
        RAISE EXCEPTION 'UPDATE on % refused: it was approved on its lawful basis, a new purpose is needed',
            TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (array_position(states, NEW.state::text) < array_position(states, OLD.state::text)
            AND NOT (OLD.state = 'scheduled' AND NEW.state = 'approved'))
        OR (OLD.published_at IS NOT NULL AND NEW.published_at IS DISTINCT FROM OLD.published_at)
        OR (OLD.retired_at IS NOT NULL AND NEW.retired_at IS DISTINCT FROM OLD.retired_at) THEN
        RAISE EXCEPTION 'UPDATE on % refused: it was approved', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF was - free IS NOT DISTINCT FROM becomes - free THEN RETURN NEW; END IF;
    IF kind_of = 'recipient' THEN
        was := consent_with_application(was);
        becomes := consent_with_application(becomes);
    END IF;
    IF OLD.state <> 'live' OR NEW.state <> 'live' OR was ->> 'slug' IS DISTINCT FROM becomes ->> 'slug'
        OR NOT consent_is_revised(kind_of, was, becomes, free) THEN
        RAISE EXCEPTION 'UPDATE on % refused: it was approved', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
"""
APART = f"""
CREATE FUNCTION consent_stands_in(principal uuid, deputy uuid, moment timestamptz) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM consent_delegation d WHERE d.principal_id = principal AND d.deputy_id = deputy
        AND d.starts_at <= moment AND least(d.ends_at, d.revoked_at) > moment)
$$;
CREATE FUNCTION consent_deputies_apart() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock({LOCK});
    IF consent_stands_in(NEW.author_id, NEW.approver_id, NEW.approved_at) THEN
        RAISE EXCEPTION 'approval on % refused: the approver stands in for the author (four_eyes)', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.approved_for_id IS NOT NULL
        AND NOT consent_stands_in(NEW.approved_for_id, NEW.approver_id, NEW.approved_at) THEN
        RAISE EXCEPTION 'approval on % refused: the approver is not the deputy (four_eyes)', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE FUNCTION consent_one_deputy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'DELETE on % refused: who stood in is kept', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(OLD) - 'revoked_at' IS DISTINCT FROM to_jsonb(NEW) - 'revoked_at'
            OR OLD.revoked_at IS NOT NULL THEN
            RAISE EXCEPTION 'UPDATE on % refused: who stood in is kept', TG_TABLE_NAME
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END IF;
    PERFORM pg_advisory_xact_lock({LOCK});
    IF EXISTS (SELECT 1 FROM consent_delegation d
        WHERE d.starts_at < NEW.ends_at AND least(d.ends_at, d.revoked_at) > NEW.starts_at
            AND least(d.ends_at, d.revoked_at) > d.starts_at
            AND (d.principal_id IN (NEW.principal_id, NEW.deputy_id) OR d.deputy_id = NEW.principal_id)) THEN
        RAISE EXCEPTION 'INSERT on % refused: one deputy at a time, and none for a deputy', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE FUNCTION consent_keep_comment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % refused: what was said stays', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER consent_delegation_one_deputy BEFORE INSERT OR UPDATE OR DELETE ON consent_delegation
    FOR EACH ROW EXECUTE FUNCTION consent_one_deputy();
CREATE TRIGGER consent_reviewcomment_keep BEFORE UPDATE OR DELETE ON consent_reviewcomment
    FOR EACH ROW EXECUTE FUNCTION consent_keep_comment();
CREATE TRIGGER consent_revision_keep_approved BEFORE UPDATE OR DELETE ON consent_revision
    FOR EACH ROW EXECUTE FUNCTION consent_keep_approved();
CREATE TRIGGER consent_revision_is_noticed AFTER UPDATE ON consent_revision
    FOR EACH ROW WHEN (OLD.state <> NEW.state AND NEW.state = 'live') EXECUTE FUNCTION consent_notice_change('-', '-');
"""
TRIGGER = """
CREATE TRIGGER consent_{table}_deputies_apart BEFORE UPDATE ON consent_{table}
    FOR EACH ROW WHEN (NEW.approver_id IS NOT NULL AND (OLD.approver_id IS DISTINCT FROM NEW.approver_id
        OR OLD.approved_for_id IS DISTINCT FROM NEW.approved_for_id))
    EXECUTE FUNCTION consent_deputies_apart();
"""
INSERTED = """
CREATE TRIGGER consent_{table}_deputies_apart_at_once BEFORE INSERT ON consent_{table}
    FOR EACH ROW WHEN (NEW.approver_id IS NOT NULL) EXECUTE FUNCTION consent_deputies_apart();
"""


class Migration(migrations.Migration):
    """Only forwards: going back would let approved content be changed."""

    dependencies = [("consent", "0004_changes_are_noticed"), ("access", "0001_initial")]

    operations = [
        migrations.RunSQL(KEEP, migrations.RunSQL.noop),
        migrations.RunSQL(APART, migrations.RunSQL.noop),
        *(migrations.RunSQL(TRIGGER.format(table=table), migrations.RunSQL.noop) for table in TABLES),
        *(migrations.RunSQL(INSERTED.format(table=table), migrations.RunSQL.noop) for table in TABLES),
    ]
