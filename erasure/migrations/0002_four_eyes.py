"""A refusal under Art. 12(5) stands only with a second opinion, whoever writes the row; who proposed stays who did."""

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION erasure_refusal_needs_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = 'refused' AND NEW.reason_code IN ('A12ManifestlyUnfounded', 'A12ManifestlyExcessive')
        AND NOT EXISTS (
            SELECT FROM erasure_secondopinion opinion
            WHERE opinion.request_id = NEW.id AND opinion.agreed AND opinion.reason_code = NEW.reason_code
        ) THEN
        RAISE EXCEPTION 'refusal under Art. 12(5) without a second opinion'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE FUNCTION erasure_keep_proposer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.proposed_by_id <> NEW.proposed_by_id OR OLD.agreed IS NOT NULL OR OLD.reason_code <> NEW.reason_code
        OR OLD.fee_cents IS DISTINCT FROM NEW.fee_cents OR OLD.kind <> NEW.kind THEN
        RAISE EXCEPTION 'a second opinion is given once, on what was proposed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
"""
TRIGGERS = """
CREATE TRIGGER erasure_refusal_needs_two BEFORE INSERT OR UPDATE OF state, reason_code ON erasure_rightsrequest
    FOR EACH ROW WHEN (NEW.state = 'refused') EXECUTE FUNCTION erasure_refusal_needs_two();
CREATE TRIGGER erasure_keep_proposer BEFORE UPDATE ON erasure_secondopinion
    FOR EACH ROW EXECUTE FUNCTION erasure_keep_proposer();
"""
BACK = """
DROP TRIGGER erasure_refusal_needs_two ON erasure_rightsrequest;
DROP TRIGGER erasure_keep_proposer ON erasure_secondopinion;
DROP FUNCTION erasure_refusal_needs_two(); DROP FUNCTION erasure_keep_proposer();
"""


class Migration(migrations.Migration):
    dependencies = [("erasure", "0001_initial")]

    operations = [migrations.RunSQL(FUNCTIONS + TRIGGERS, BACK)]
