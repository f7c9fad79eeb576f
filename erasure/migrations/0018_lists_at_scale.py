"""Lists of the desk are read from an index in their order, and steps that are not done are found by one."""

from django.conf import settings
from django.db import migrations, models

from gdpr_portal.indexes import IndexBeside


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('access', '0004_lists_at_scale'),
        ('erasure', '0017_what_one_says_alone'),
        ('subjects', '0002_what_nobody_vouches_for'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        IndexBeside(
            model_name='accessquestion',
            index=models.Index(models.OrderBy(models.F('answered_at'), nulls_first=True), models.F('due_at'), name='question_listed'),
        ),
        IndexBeside(
            model_name='checkedtext',
            index=models.Index(models.OrderBy(models.F('decided_at'), nulls_first=True), name='checked_listed'),
        ),
        IndexBeside(
            model_name='placetask',
            index=models.Index(models.OrderBy(models.F('answered_at'), nulls_first=True), models.F('due_at'), name='task_listed'),
        ),
        IndexBeside(
            model_name='retentionproposal',
            index=models.Index(models.OrderBy(models.F('decided_at'), nulls_first=True), models.F('proposed_at'), name='proposal_listed'),
        ),
        IndexBeside(
            model_name='rightsrequest',
            index=models.Index(models.Case(models.When(state__in=('received', 'verifying', 'in_review', 'in_progress'), then=0), default=1), models.F('due_at'), name='request_in_turn'),
        ),
        IndexBeside(
            model_name='rightsrequest',
            index=models.Index(models.F('right'), models.Case(models.When(state__in=('received', 'verifying', 'in_review', 'in_progress'), then=0), default=1), models.F('due_at'), name='request_of_right'),
        ),
        IndexBeside(
            model_name='rightsrequest',
            index=models.Index(models.Case(models.When(state__in=('received', 'verifying', 'in_review', 'in_progress'), then=0), default=1), models.F('due_at'), condition=models.Q(('extended', True)), name='request_extended'),
        ),
        IndexBeside(
            model_name='rightsrequest',
            index=models.Index(fields=['received_at'], name='request_received'),
        ),
        IndexBeside(
            model_name='sourceanswer',
            index=models.Index(condition=models.Q(('sealed__isnull', False)), fields=['at'], name='answer_sealed'),
        ),
        IndexBeside(
            model_name='step',
            index=models.Index(condition=models.Q(('state__in', ('queued', 'in_progress', 'waiting', 'failed'))), fields=['request'], name='step_unfinished'),
        ),
    ]
