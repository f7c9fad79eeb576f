"""What stands beside an answer: confirmations, reminders, browser signals, scans; a purpose may ask for double opt-in.

`confirms` and the two new acts of an event stand in the append-only table; adding an empty column touches no row.
"""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

ACTIONS = ("give", "refuse", "withdraw", "expire", "confirm", "authorise")


def subject(name: str) -> models.ForeignKey:
    return models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name=name, to="subjects.subject")


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0007_sharing"),
        ("subjects", "0002_longer_language_tags"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            "purpose",
            "double_opt_in",
            models.BooleanField(
                default=False, help_text="Whether a yes counts only once it is confirmed from the person's mailbox."
            ),
        ),
        migrations.AddField("consentevent", "confirms", models.UUIDField(null=True)),
        migrations.AlterField(
            "consentevent",
            "action",
            models.CharField(choices=[(name, name.capitalize()) for name in ACTIONS], max_length=10),
        ),
        migrations.CreateModel(
            name="Confirmation",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("event", models.UUIDField(db_index=True)),
                ("purpose", models.SlugField()),
                ("kind", models.CharField(choices=[("own", "Own"), ("parent", "Parent")], max_length=6)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("confirmed", "Confirmed"),
                            ("taken_back", "Taken Back"),
                            ("replaced", "Replaced"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("language", models.CharField(max_length=8)),
                ("holder_sealed", models.BinaryField(editable=False, null=True)),
                ("digest", models.BinaryField(editable=False)),
                ("expires_at", models.DateTimeField()),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("mails", models.PositiveSmallIntegerField(default=0)),
                ("mailed_at", models.DateTimeField()),
                ("method", models.CharField(blank=True, default="", max_length=40)),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("looked_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("subject", subject("confirmations")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "waiting")),
                        fields=("event", "kind"),
                        name="one_waiting_confirmation",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Reminder",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event", models.UUIDField()),
                ("kind", models.CharField(choices=[("ending", "Ending"), ("of_age", "Of Age")], max_length=6)),
                ("at", models.DateTimeField()),
                ("subject", subject("reminders")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("event", "kind"), name="reminded_once")],
            },
        ),
        migrations.CreateModel(
            name="PrivacySignal",
            fields=[
                (
                    "subject",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="privacy_signal",
                        serialize=False,
                        to="subjects.subject",
                    ),
                ),
                ("at", models.DateTimeField()),
                ("switched_off", models.PositiveIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="ConsentProof",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("event", models.UUIDField(db_index=True)),
                ("content_type", models.CharField(max_length=40)),
                ("size_bytes", models.PositiveIntegerField()),
                ("digest", models.CharField(max_length=71)),
                ("sealed", models.BinaryField(editable=False, null=True)),
                ("added_at", models.DateTimeField()),
                (
                    "added_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("subject", subject("consent_proofs")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("event", "digest"), name="proof_once")],
            },
        ),
    ]
