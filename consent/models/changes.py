"""That something changed which decisions rest on: the feed that applications follow (`consent.services.feed`)."""

from django.db import models

from audit.fields import CurrentTransactionId, TransactionIdField


class DecisionChange(models.Model):
    """Decisions about a person may be others from now on; about everybody when `subject` is null (the catalogue).

    Written by triggers of the database in the transaction of the change, whoever makes it. `position` is given
    afterwards, in
    an order that no transaction can join later. Holds ids only; `purpose` is null when every purpose is concerned.
    """

    id = models.BigAutoField(primary_key=True)
    xid = TransactionIdField(db_default=CurrentTransactionId(), editable=False)
    subject = models.UUIDField(null=True)
    purpose = models.CharField(max_length=50, null=True)
    position = models.BigIntegerField(null=True, unique=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["xid", "id"], condition=models.Q(position__isnull=True), name="change_to_order"),
            models.Index(fields=["xid"], name="change_by_transaction"),
            models.Index(fields=["position"], condition=models.Q(subject__isnull=True), name="change_of_catalogue"),
        ]

    def __str__(self) -> str:
        return f"change {self.position}"
