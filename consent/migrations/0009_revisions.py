"""Revisions of what is live, standing in, comments, set moments of publication; more about purposes and components."""

import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import consent.models.governance


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0008_confirmations"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
