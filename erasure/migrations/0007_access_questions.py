# Questions about accesses to personal data (Art. 15(1)(c)).

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("erasure", "0006_withheld_rows"),
        ("subjects", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AccessQuestion",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("event", models.UUIDField()),
                ("application", models.SlugField(blank=True, default="")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Waits for us"),
                            ("in_work", "We are looking into it"),
                            ("answered", "Answered"),
                        ],
                        default="open",
                        max_length=8,
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("lawful", "The access was in order"),
                            ("unlawful", "The access was not in order"),
                        ],
                        default="",
                        max_length=8,
                    ),
                ),
                ("asked_sealed", models.BinaryField(null=True)),
                ("answer_sealed", models.BinaryField(null=True)),
                ("asked_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("answered_at", models.DateTimeField(null=True)),
                (
                    "mark",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="Percent of the period the desk was told of."
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "subject",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="access_questions",
                        to="subjects.subject",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "answered"), _negated=True), fields=["due_at"], name="question_due"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("subject", "event"), name="one_question_an_access"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("answered_at__isnull", False), ("outcome__gt", ""), ("state", "answered")),
                            models.Q(
                                models.Q(("state", "answered"), _negated=True),
                                ("answered_at__isnull", True),
                                ("outcome", ""),
                            ),
                            _connector="OR",
                        ),
                        name="answered_with_outcome",
                    ),
                ],
            },
        ),
    ]
