"""Comments of the desk: what was noted, by whom and when stays; its words go with the person, and nothing else does."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FUNCTION = """
CREATE FUNCTION erasure_keep_comment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.id <> OLD.id OR NEW.request_id <> OLD.request_id OR NEW.author_id <> OLD.author_id
        OR NEW.at <> OLD.at OR (OLD.sealed IS NULL AND NEW.sealed IS NOT NULL) THEN
        RAISE EXCEPTION '% on % refused: what was noted stays', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER erasure_comment_keep BEFORE UPDATE OR DELETE ON erasure_comment
    FOR EACH ROW EXECUTE FUNCTION erasure_keep_comment();
"""
BACK = "DROP TRIGGER erasure_comment_keep ON erasure_comment; DROP FUNCTION erasure_keep_comment();"


class Migration(migrations.Migration):
    dependencies = [
        ("erasure", "0002_four_eyes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Comment",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("sealed", models.BinaryField(null=True)),
                ("at", models.DateTimeField()),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="comments",
                        to="erasure.rightsrequest",
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["request", "at"], name="comment_order")]},
        ),
        migrations.RunSQL(FUNCTION, BACK),
    ]
