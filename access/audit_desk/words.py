"""What the desk says for the codes of a verification and of the holders."""

from django.utils.translation import gettext_lazy as _

KINDS = {
    "changed": _("changed after it was sealed"),
    "missing": _("missing"),
    "inserted": _("inserted"),
    "reordered": _("put in another order"),
    "truncated": _("cut off"),
    "split view": _("not what somebody else was shown"),
    "forged": _("not signed by the log's key"),
    "unsequenced": _("not sealed in time"),
    "retired": _("taken out too early or without a trace"),
}
HOLDERS = {"folder": _("The folder"), "http": _("The witness"), "irm": _("IRM"), "qa": _("QA")}
ERRORS = {
    "contradiction": _("It holds a checkpoint that this log does not lead to. The log was rolled back or rewritten."),
    "file_not_ours": _("Its newest file was not signed by this log."),
    "folder_not_writable": _("The folder cannot be written to."),
    "witness_key_unreadable": _("The witness's key in the settings cannot be read."),
    "no_cosignature": _("It answered without a cosignature by the key in the settings."),
    "timeout": _("It did not answer in time."),
    "connect_failed": _("It cannot be reached."),
    "log_damaged": _("No proof could be made: a hash of the tree is missing. Verify the log."),
}
SINCE_ALARM_HOURS = 48
"""A verification older than this is shown as overdue."""
