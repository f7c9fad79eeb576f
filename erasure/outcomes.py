"""What came of a request, in a sentence; by the code in its row and in its receipt."""

from typing import Any

from django.utils.translation import gettext_lazy as _

OUTCOMES: dict[str, Any] = {
    "partly_retained": _("Done, except for entries that stay because they belong to other people too or by law."),
    "partly_withheld": _("Done, except for passages that are about other people; the copy says where and why."),
    "nothing_held": _("We hold no data about you that this request covers."),
    "decision_changed": _("A person has looked at the decision, and it was changed. We write to you what it is now."),
    "decision_stands": _("A person has looked at the decision, and it stands. We write to you why."),
    "done": _("Done."),
}
