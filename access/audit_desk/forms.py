"""What is handed in at the desk: checkpoints somebody kept, pasted or as files."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from audit import held
from gdpr_portal.errors import Invalid

_AREA = forms.Textarea(attrs={"rows": 6, "cols": 70, "spellcheck": "false"})


class HeldForm(forms.Form):
    """One checkpoint, as text or as a file."""

    text = forms.CharField(
        label=_("A checkpoint you kept"), widget=_AREA, required=False, max_length=held.LARGEST_NOTE, strip=False
    )
    file = forms.FileField(label=_("or its file"), required=False, max_length=200)

    def clean(self) -> dict[str, Any]:
        """`notes` holds what was handed in, each a checkpoint."""
        given = super().clean() or {}
        texts = [given.get("text") or "", _text_of(given.get("file"))]
        try:
            given["notes"] = held.read_notes(texts)
        except Invalid:
            raise forms.ValidationError(_("This is not a checkpoint of an audit log.")) from None
        return given


class CompareForm(forms.Form):
    """Two checkpoints, to be held against each other."""

    a = forms.CharField(label=_("What you kept"), widget=_AREA, max_length=held.LARGEST_NOTE, strip=False)
    b = forms.CharField(label=_("What somebody else kept"), widget=_AREA, max_length=held.LARGEST_NOTE, strip=False)

    def clean(self) -> dict[str, Any]:
        """`notes` holds both."""
        given = super().clean() or {}
        try:
            given["notes"] = held.read_notes([given.get("a") or "", given.get("b") or ""])
        except Invalid:
            raise forms.ValidationError(_("This is not a checkpoint of an audit log.")) from None
        return given


def _text_of(file: UploadedFile | None) -> str:
    if file is None:
        return ""
    return file.read(held.LARGEST_NOTE + 1).decode("utf-8", "replace")
