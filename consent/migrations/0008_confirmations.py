"""What stands beside an answer: confirmations, reminders, browser signals, scans; a purpose may ask for double opt-in."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0003_outgoingmail"),
        ("consent", "0007_sharing"),
        ("subjects", "0002_longer_language_tags"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
                ("holder_sealed", models.BinaryField(null=True)),
                ("digest", models.BinaryField()),
                ("expires_at", models.DateTimeField()),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("mails", models.PositiveSmallIntegerField(default=0)),
                ("mailed_at", models.DateTimeField()),
                ("method", models.CharField(blank=True, default="", max_length=40)),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("looked_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
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
                ("sealed", models.BinaryField(null=True)),
                ("added_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Delegation",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
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
            name="Reminder",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event", models.UUIDField()),
                ("kind", models.CharField(choices=[("ending", "Ending"), ("of_age", "Of Age")], max_length=6)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="ReviewComment",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=12)),
                ("item", models.CharField(max_length=36)),
                ("text", models.TextField()),
                ("digest", models.CharField(max_length=71)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Revision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("in_review", "In review"),
                            ("approved", "Approved"),
                            ("scheduled", "Scheduled"),
                            ("live", "Live"),
                            ("retired", "Retired"),
                        ],
                        default="draft",
                        editable=False,
                        max_length=10,
                    ),
                ),
                ("publish_at", models.DateTimeField(editable=False, null=True)),
                ("digest", models.CharField(blank=True, default="", editable=False, max_length=71)),
                ("review_note", models.TextField(blank=True, default="", editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("submitted_at", models.DateTimeField(editable=False, null=True)),
                ("approved_at", models.DateTimeField(editable=False, null=True)),
                ("published_at", models.DateTimeField(editable=False, null=True)),
                ("retired_at", models.DateTimeField(editable=False, null=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[("component", "Component"), ("purpose", "Purpose"), ("recipient", "Recipient")],
                        editable=False,
                        max_length=10,
                    ),
                ),
                ("slug", models.SlugField(editable=False)),
                ("version", models.PositiveIntegerField(editable=False)),
                ("before", models.JSONField(editable=False)),
                ("values", models.JSONField(editable=False)),
                ("reason", models.TextField(help_text="What is changed, and why.")),
                (
                    "is_editorial",
                    models.BooleanField(
                        default=False,
                        help_text="Names and sentences are only worded better: what is done with data stays as it is.",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddField(
            model_name="component",
            name="approved_for",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="component",
            name="assigned_to",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="component",
            name="longest_retention_days",
            field=models.PositiveIntegerField(
                blank=True, help_text="The longest any purpose may keep it, unless a law asks for more.", null=True
            ),
        ),
        migrations.AddField(
            model_name="component",
            name="publish_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="component",
            name="scheduled_by",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="component",
            name="supplied_by",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("subject", "The person"),
                        ("observed", "Observed"),
                        ("derived", "Derived"),
                        ("third_party", "A third party"),
                    ],
                    max_length=11,
                ),
                default=consent.models.governance.every_source,
                help_text="Who supplies it; from nobody else is it taken.",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="confirms",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="datacontract",
            name="approved_for",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="datacontract",
            name="assigned_to",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="datacontract",
            name="publish_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="datacontract",
            name="scheduled_by",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="approved_for",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="assigned_to",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="publish_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="notice",
            name="scheduled_by",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="purpose",
            name="approved_for",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="purpose",
            name="assigned_to",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="purpose",
            name="data_subjects",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=60),
                default=consent.models.governance.customers,
                help_text="Whom it is about, separated by commas.",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="purpose",
            name="double_opt_in",
            field=models.BooleanField(
                default=False, help_text="Whether a yes counts only once it is confirmed from the person's mailbox."
            ),
        ),
        migrations.AddField(
            model_name="purpose",
            name="necessary_for_service",
            field=models.BooleanField(
                default=False,
                help_text="The service cannot be given without it; such a purpose never rests on consent.",
            ),
        ),
        migrations.AddField(
            model_name="purpose",
            name="publish_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="purpose",
            name="scheduled_by",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="purpose",
            name="sources",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("subject", "The person"),
                        ("observed", "Observed"),
                        ("derived", "Derived"),
                        ("third_party", "A third party"),
                    ],
                    max_length=11,
                ),
                default=consent.models.governance.every_source,
                help_text="Where its data may come from.",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="recipient",
            name="approved_for",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="recipient",
            name="assigned_to",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="recipient",
            name="publish_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="recipient",
            name="scheduled_by",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="component",
            name="state",
            field=models.CharField(
                choices=[
                    ("draft", "Draft"),
                    ("in_review", "In review"),
                    ("approved", "Approved"),
                    ("scheduled", "Scheduled"),
                    ("live", "Live"),
                    ("retired", "Retired"),
                ],
                default="draft",
                editable=False,
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="consentevent",
            name="action",
            field=models.CharField(
                choices=[
                    ("give", "Give"),
                    ("refuse", "Refuse"),
                    ("withdraw", "Withdraw"),
                    ("expire", "Expire"),
                    ("confirm", "Confirm"),
                    ("authorise", "Authorise"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="datacontract",
            name="state",
            field=models.CharField(
                choices=[
                    ("draft", "Draft"),
                    ("in_review", "In review"),
                    ("approved", "Approved"),
                    ("scheduled", "Scheduled"),
                    ("live", "Live"),
                    ("retired", "Retired"),
                ],
                default="draft",
                editable=False,
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="notice",
            name="state",
            field=models.CharField(
                choices=[
                    ("draft", "Draft"),
                    ("in_review", "In review"),
                    ("approved", "Approved"),
                    ("scheduled", "Scheduled"),
                    ("live", "Live"),
                    ("retired", "Retired"),
                ],
                default="draft",
                editable=False,
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="purpose",
            name="state",
            field=models.CharField(
                choices=[
                    ("draft", "Draft"),
                    ("in_review", "In review"),
                    ("approved", "Approved"),
                    ("scheduled", "Scheduled"),
                    ("live", "Live"),
                    ("retired", "Retired"),
                ],
                default="draft",
                editable=False,
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="recipient",
            name="state",
            field=models.CharField(
                choices=[
                    ("draft", "Draft"),
                    ("in_review", "In review"),
                    ("approved", "Approved"),
                    ("scheduled", "Scheduled"),
                    ("live", "Live"),
                    ("retired", "Retired"),
                ],
                default="draft",
                editable=False,
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="component",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approved_for__isnull", True),
                    models.Q(
                        ("approver__isnull", False),
                        models.Q(("approved_for", models.F("author")), _negated=True),
                        models.Q(("approved_for", models.F("approver")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="component_deputy_apart",
            ),
        ),
        migrations.AddConstraint(
            model_name="component",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("assigned_to__isnull", True),
                    models.Q(("assigned_to", models.F("author")), _negated=True),
                    _connector="OR",
                ),
                name="component_not_to_its_author",
            ),
        ),
        migrations.AddConstraint(
            model_name="component",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "scheduled"), _negated=True),
                    models.Q(("publish_at__isnull", False), ("scheduled_by__isnull", False)),
                    _connector="OR",
                ),
                name="component_schedule_is_set",
            ),
        ),
        migrations.AddConstraint(
            model_name="datacontract",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approved_for__isnull", True),
                    models.Q(
                        ("approver__isnull", False),
                        models.Q(("approved_for", models.F("author")), _negated=True),
                        models.Q(("approved_for", models.F("approver")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="datacontract_deputy_apart",
            ),
        ),
        migrations.AddConstraint(
            model_name="datacontract",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("assigned_to__isnull", True),
                    models.Q(("assigned_to", models.F("author")), _negated=True),
                    _connector="OR",
                ),
                name="datacontract_not_to_its_author",
            ),
        ),
        migrations.AddConstraint(
            model_name="datacontract",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "scheduled"), _negated=True),
                    models.Q(("publish_at__isnull", False), ("scheduled_by__isnull", False)),
                    _connector="OR",
                ),
                name="datacontract_schedule_is_set",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approved_for__isnull", True),
                    models.Q(
                        ("approver__isnull", False),
                        models.Q(("approved_for", models.F("author")), _negated=True),
                        models.Q(("approved_for", models.F("approver")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="notice_deputy_apart",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("assigned_to__isnull", True),
                    models.Q(("assigned_to", models.F("author")), _negated=True),
                    _connector="OR",
                ),
                name="notice_not_to_its_author",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "scheduled"), _negated=True),
                    models.Q(("publish_at__isnull", False), ("scheduled_by__isnull", False)),
                    _connector="OR",
                ),
                name="notice_schedule_is_set",
            ),
        ),
        migrations.AddConstraint(
            model_name="purpose",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approved_for__isnull", True),
                    models.Q(
                        ("approver__isnull", False),
                        models.Q(("approved_for", models.F("author")), _negated=True),
                        models.Q(("approved_for", models.F("approver")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="purpose_deputy_apart",
            ),
        ),
        migrations.AddConstraint(
            model_name="purpose",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("assigned_to__isnull", True),
                    models.Q(("assigned_to", models.F("author")), _negated=True),
                    _connector="OR",
                ),
                name="purpose_not_to_its_author",
            ),
        ),
        migrations.AddConstraint(
            model_name="purpose",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "scheduled"), _negated=True),
                    models.Q(("publish_at__isnull", False), ("scheduled_by__isnull", False)),
                    _connector="OR",
                ),
                name="purpose_schedule_is_set",
            ),
        ),
        migrations.AddConstraint(
            model_name="purpose",
            constraint=models.CheckConstraint(
                condition=models.Q(("lawful_basis", "consent"), ("necessary_for_service", True), _negated=True),
                name="needed_is_not_consent",
            ),
        ),
        migrations.AddConstraint(
            model_name="recipient",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approved_for__isnull", True),
                    models.Q(
                        ("approver__isnull", False),
                        models.Q(("approved_for", models.F("author")), _negated=True),
                        models.Q(("approved_for", models.F("approver")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="recipient_deputy_apart",
            ),
        ),
        migrations.AddConstraint(
            model_name="recipient",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("assigned_to__isnull", True),
                    models.Q(("assigned_to", models.F("author")), _negated=True),
                    _connector="OR",
                ),
                name="recipient_not_to_its_author",
            ),
        ),
        migrations.AddConstraint(
            model_name="recipient",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "scheduled"), _negated=True),
                    models.Q(("publish_at__isnull", False), ("scheduled_by__isnull", False)),
                    _connector="OR",
                ),
                name="recipient_schedule_is_set",
            ),
        ),
        migrations.AddField(
            model_name="confirmation",
            name="subject",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="confirmations", to="subjects.subject"
            ),
        ),
        migrations.AddField(
            model_name="consentproof",
            name="added_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="consentproof",
            name="subject",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="consent_proofs", to="subjects.subject"
            ),
        ),
        migrations.AddField(
            model_name="delegation",
            name="deputy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="delegation",
            name="principal",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="reminder",
            name="subject",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="reminders", to="subjects.subject"
            ),
        ),
        migrations.AddField(
            model_name="reviewcomment",
            name="author",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="revision",
            name="approved_for",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="revision",
            name="approver",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="revision",
            name="assigned_to",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="revision",
            name="author",
            field=models.ForeignKey(
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="revision",
            name="scheduled_by",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="confirmation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "waiting")), fields=("event", "kind"), name="one_waiting_confirmation"
            ),
        ),
        migrations.AddConstraint(
            model_name="consentproof",
            constraint=models.UniqueConstraint(fields=("event", "digest"), name="proof_once"),
        ),
        migrations.AddConstraint(
            model_name="delegation",
            constraint=models.CheckConstraint(
                condition=models.Q(("principal", models.F("deputy")), _negated=True), name="deputy_is_somebody_else"
            ),
        ),
        migrations.AddConstraint(
            model_name="delegation",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("starts_at"))), name="absence_has_a_length"
            ),
        ),
        migrations.AddConstraint(
            model_name="reminder",
            constraint=models.UniqueConstraint(fields=("event", "kind"), name="reminded_once"),
        ),
        migrations.AddIndex(
            model_name="reviewcomment",
            index=models.Index(fields=["kind", "item", "at"], name="comments_of_an_item"),
        ),
        migrations.AddConstraint(
            model_name="revision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approver__isnull", True),
                    models.Q(("approver", models.F("author")), _negated=True),
                    _connector="OR",
                ),
                name="revision_four_eyes",
            ),
        ),
        migrations.AddConstraint(
            model_name="revision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["draft", "in_review"]),
                    models.Q(("approved_at__isnull", False), ("approver__isnull", False), ("digest__gt", "")),
                    _connector="OR",
                ),
                name="revision_approved_by_someone",
            ),
        ),
        migrations.AddConstraint(
            model_name="revision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approved_for__isnull", True),
                    models.Q(
                        ("approver__isnull", False),
                        models.Q(("approved_for", models.F("author")), _negated=True),
                        models.Q(("approved_for", models.F("approver")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="revision_deputy_apart",
            ),
        ),
        migrations.AddConstraint(
            model_name="revision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("assigned_to__isnull", True),
                    models.Q(("assigned_to", models.F("author")), _negated=True),
                    _connector="OR",
                ),
                name="revision_not_to_its_author",
            ),
        ),
        migrations.AddConstraint(
            model_name="revision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "scheduled"), _negated=True),
                    models.Q(("publish_at__isnull", False), ("scheduled_by__isnull", False)),
                    _connector="OR",
                ),
                name="revision_schedule_is_set",
            ),
        ),
        migrations.AddConstraint(
            model_name="revision",
            constraint=models.UniqueConstraint(fields=("kind", "slug", "version"), name="revision_version_once"),
        ),
        migrations.AddConstraint(
            model_name="revision",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "live")), fields=("kind", "slug"), name="one_live_revision"
            ),
        ),
        migrations.AddConstraint(
            model_name="revision",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ("draft", "in_review", "approved", "scheduled"))),
                fields=("kind", "slug"),
                name="one_open_revision",
            ),
        ),
    ]
