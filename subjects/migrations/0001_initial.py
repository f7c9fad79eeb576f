import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('access', '0001_initial'),
        ('access', '__first__'),
    ]

    operations = [
        migrations.CreateModel(
            name='Subject',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('pseudonym', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('language', models.CharField(blank=True, default='', max_length=35)),
                ('country', models.CharField(blank=True, default='', max_length=2)),
                ('birth_date_sealed', models.BinaryField(null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('erased_at', models.DateTimeField(db_index=True, null=True)),
                ('account', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='subject', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Restriction',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('ground', models.CharField(choices=[('accuracy_contested', 'Accuracy Contested'), ('unlawful_processing', 'Unlawful Processing'), ('legal_claims', 'Legal Claims'), ('objection_pending', 'Objection Pending'), ('erasure_pending', 'Erasure Pending')], max_length=24)),
                ('request', models.UUIDField(null=True)),
                ('since', models.DateTimeField()),
                ('lift_announced_at', models.DateTimeField(null=True)),
                ('lifted_at', models.DateTimeField(null=True)),
                ('subject', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='restrictions', to='subjects.subject')),
            ],
        ),
        migrations.CreateModel(
            name='PersonalValue',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('field', models.SlugField()),
                ('sealed', models.BinaryField()),
                ('source', models.CharField(choices=[('subject', 'Subject'), ('observed', 'Observed'), ('derived', 'Derived'), ('third_party', 'Third Party')], max_length=12)),
                ('source_name', models.CharField(blank=True, default='', max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('subject', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='values', to='subjects.subject')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('subject', 'field'), name='value_held_once')],
            },
        ),
        migrations.CreateModel(
            name='Identifier',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('email', 'Email'), ('phone', 'Phone'), ('customer_id', 'Customer Id')], max_length=12)),
                ('index', models.BinaryField()),
                ('sealed', models.BinaryField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('application', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to='access.application')),
                ('subject', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='identifiers', to='subjects.subject')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('index', 'kind', 'application'), name='identifier_of_one_person', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='ApplicationLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('application', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='links', to='access.application')),
                ('subject', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='links', to='subjects.subject')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('subject', 'application'), name='link_once')],
            },
        ),
        migrations.CreateModel(
            name='ValuePurpose',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('purpose', models.SlugField()),
                ('since', models.DateTimeField(auto_now_add=True)),
                ('application', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to='access.application')),
                ('value', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='purposes', to='subjects.personalvalue')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('value', 'purpose'), name='purpose_linked_once')],
            },
        ),
        migrations.CreateModel(
            name='Retention',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('purpose', models.SlugField()),
                ('fields', django.contrib.postgres.fields.ArrayField(base_field=models.SlugField(), size=None)),
                ('article', models.CharField(max_length=40)),
                ('citation', models.CharField(blank=True, default='', max_length=200)),
                ('since', models.DateTimeField(default=django.utils.timezone.now)),
                ('until', models.DateTimeField(db_index=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('subject', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='retentions', to='subjects.subject')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('subject', 'purpose'), name='retention_once')],
            },
        ),
    ]
