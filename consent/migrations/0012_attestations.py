"""What the conformance kit found of an application; two more kinds of findings."""

import django.db.models.deletion
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('access', '0004_passkeys'),
        ('consent', '0011_standing_by_purpose'),
    ]

    operations = [
        migrations.AlterField(
            model_name='finding',
            name='kind',
            field=models.CharField(choices=[('not_in_contract', 'A write outside the data contract was refused'), ('uncovered_read', 'A field was read although no contract covered it'), ('overdue_confirmation', 'A recipient has not confirmed in time'), ('no_live_endpoint', 'Notices wait for a recipient that cannot be reached'), ('told_by_hand', 'A recipient without a connection has to be told by hand'), ('unsafe_transfer', 'Data is shared outside the EEA without a safeguard that holds'), ('conformance', 'An application failed a check of the conformance kit'), ('attestation_old', "An application's conformance has not been shown for too long"), ('sample', 'Noted while signing off a sample'), ('manual', 'Noted by a reviewer')], max_length=24),
        ),
        migrations.CreateModel(
            name='Attestation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('document', models.TextField()),
                ('digest', models.CharField(max_length=80)),
                ('key', models.CharField(max_length=64)),
                ('kit', models.CharField(max_length=40)),
                ('release', models.CharField(blank=True, default='', max_length=80)),
                ('portal', models.CharField(max_length=200)),
                ('checks', models.JSONField()),
                ('passed', models.BooleanField()),
                ('finished_at', models.DateTimeField()),
                ('received_at', models.DateTimeField()),
                ('application', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attestations', to='access.application')),
            ],
            options={
                'indexes': [models.Index(fields=['application', '-finished_at'], name='newest_attestation')],
                'constraints': [models.UniqueConstraint(fields=('application', 'digest'), name='attested_once')],
            },
        ),
    ]
