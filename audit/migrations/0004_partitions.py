"""The table of events is partitioned by months of `at`. No row is copied: the table as it was becomes the first
partition, up to the end of the month it reaches into; one scan checks that its rows belong there.

Months to come are made ahead by `audit_make_partition`, which belongs to the owner and may be called by the app: it
can make empty months and nothing else. What lands beyond them is taken by a default partition, never refused.
"""

import django.contrib.postgres.fields
from django.contrib.postgres.functions import RandomUUID
from django.db import migrations, models

MAKE = """
CREATE FUNCTION audit_make_partition(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part text := 'audit_event_' || to_char(month, 'YYYY_MM');
    starts timestamptz := month::timestamp AT TIME ZONE 'UTC';
    ends timestamptz := (month + interval '1 month') AT TIME ZONE 'UTC';
    this_month date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
    strays boolean;
BEGIN
    IF month <> date_trunc('month', month)::date OR month < this_month OR month > this_month + interval '13 months' THEN
        RAISE EXCEPTION 'no such month can be made: %', month USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(7021791810417733169);
    IF to_regclass('public.' || part) IS NOT NULL OR EXISTS (
        SELECT FROM public.audit_retirement WHERE audit_retirement.month = to_char(starts AT TIME ZONE 'UTC', 'YYYY-MM')
    ) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE public.%I (LIKE public.audit_event INCLUDING DEFAULTS)', part);
    EXECUTE format('SELECT EXISTS (SELECT FROM public.audit_event_default WHERE at >= %L AND at < %L)', starts, ends)
        INTO strays;
    IF strays THEN
        ALTER TABLE public.audit_event_default DISABLE TRIGGER audit_event_default_insert_only;
        EXECUTE format('WITH moved AS (DELETE FROM public.audit_event_default WHERE at >= %L AND at < %L RETURNING *)'
            ' INSERT INTO public.%I SELECT * FROM moved', starts, ends, part);
        ALTER TABLE public.audit_event_default ENABLE TRIGGER audit_event_default_insert_only;
    END IF;
    EXECUTE format('ALTER TABLE public.audit_event ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
        part, starts, ends);
    EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE OR TRUNCATE ON public.%I'
        ' FOR EACH STATEMENT EXECUTE FUNCTION public.audit_refuse_change()', part || '_insert_only', part);
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION audit_make_partition(date) FROM PUBLIC;
"""

TURN = """
DO $$
DECLARE
    reaches timestamptz;
    month date;
    part text;
    next_ordinal bigint;
BEGIN
    LOCK TABLE audit_event IN ACCESS EXCLUSIVE MODE;
    SELECT greatest(now(), max(at)), coalesce(max(ordinal), 0) + 1 INTO reaches, next_ordinal FROM audit_event;
    month := date_trunc('month', reaches AT TIME ZONE 'UTC')::date;
    part := 'audit_event_' || to_char(month, 'YYYY_MM');

    EXECUTE format('ALTER TABLE audit_event RENAME TO %I', part);
    EXECUTE format('ALTER TABLE %I ALTER COLUMN ordinal DROP IDENTITY', part);
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT audit_event_pkey', part);
    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I PRIMARY KEY (id, at)', part, part || '_pkey');
    EXECUTE format('ALTER TRIGGER audit_event_insert_only ON %I RENAME TO %I', part, part || '_insert_only');
    EXECUTE format('ALTER INDEX audit_event_order RENAME TO %I', part || '_order');
    EXECUTE format('ALTER INDEX audit_event_person RENAME TO %I', part || '_person');
    EXECUTE format('ALTER INDEX audit_event_action RENAME TO %I', part || '_action');
    EXECUTE format('ALTER INDEX audit_event_time RENAME TO %I', part || '_time');

    EXECUTE format('CREATE TABLE audit_event (LIKE %I INCLUDING DEFAULTS) PARTITION BY RANGE (at)', part);
    EXECUTE format('ALTER TABLE audit_event ALTER COLUMN ordinal ADD GENERATED ALWAYS AS IDENTITY (START WITH %s)',
        next_ordinal);
    ALTER TABLE audit_event ADD PRIMARY KEY (id, at);
    CREATE INDEX audit_event_order ON audit_event (xid, ordinal);
    CREATE INDEX audit_event_person ON audit_event (subject, xid, ordinal) WHERE subject IS NOT NULL;
    CREATE INDEX audit_event_action ON audit_event (action, xid, ordinal);
    CREATE INDEX audit_event_time ON audit_event USING brin (at);
    EXECUTE format('ALTER TABLE audit_event ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)',
        part, (month + interval '1 month') AT TIME ZONE 'UTC');
    CREATE TABLE audit_event_default PARTITION OF audit_event DEFAULT;
    CREATE TRIGGER audit_event_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
        FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
    CREATE TRIGGER audit_event_default_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event_default
        FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
END
$$
"""

AHEAD = """
SELECT audit_make_partition((date_trunc('month', now() AT TIME ZONE 'UTC') + step * interval '1 month')::date)
FROM generate_series(0, 3) step
"""
KEPT = """
CREATE TRIGGER audit_retirement_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_retirement
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_held_and_verified")]

    operations = [
        migrations.CreateModel(
            name="Retirement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("month", models.CharField(max_length=7, unique=True)),
                (
                    "ranges",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
                ),
                ("digest", models.CharField(max_length=71)),
                ("event", models.UUIDField()),
                (
                    "size",
                    models.BigIntegerField(help_text="Entries of the checkpoint that others held over all of them."),
                ),
                ("at", models.DateTimeField()),
            ],
            options={"db_table": "audit_retirement", "default_permissions": ("view",)},
        ),
        migrations.RunSQL(KEPT),
        migrations.AlterField(
            "auditevent", "id", models.UUIDField(db_default=RandomUUID(), editable=False, primary_key=True, serialize=False)
        ),
        migrations.RunSQL(TURN),
        migrations.RunSQL(MAKE),
        migrations.RunSQL(AHEAD),
    ]
