"""The form of a revision: the form of what it is of, without what never changes, and why it is changed."""

import copy
from typing import Any, ClassVar

from django import forms

from consent import revised
from consent.admin.forms import ComponentForm, PurposeForm, RecipientForm
from consent.admin.readable import called
from consent.models import Revision

_FORMS: dict[str, type[forms.ModelForm]] = {
    Revision.Kind.COMPONENT: ComponentForm,
    Revision.Kind.PURPOSE: PurposeForm,
    Revision.Kind.RECIPIENT: RecipientForm,
}


class RevisionForm(forms.ModelForm):
    """What is changed and why. The fields of the thing are those of its own form, judged by it."""

    kind: ClassVar[str] = ""

    class Meta:
        model = Revision
        fields = ("reason", "is_editorial")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        thing = revised.thing_of(self.instance)
        self.inner = None
        if thing is None or not self.kind:
            return
        becomes = revised.with_values(thing, self.instance.values)
        self.inner = _FORMS[self.kind](self.data if self.is_bound else None, instance=becomes)
        for name in revised.FIXED[self.kind]:
            self.inner.fields.pop(name, None)
        _call(self.inner)
        self.fields.update(self.inner.fields)
        self.initial.update(
            {name: self.inner.initial[name] for name in self.inner.initial if name in self.inner.fields}
        )

    def clean(self) -> dict[str, Any] | None:
        """What the thing's own form finds wrong is wrong here."""
        given = super().clean()
        if self.inner is not None and not self.inner.is_valid():
            for name, errors in self.inner.errors.items():
                if name not in self.errors:
                    self.add_error(name if name in self.fields else None, list(errors))
        return given

    def save(self, commit: bool = True) -> Any:
        """The values are those of the thing as its form would have saved it."""
        if self.inner is not None:
            self.instance.values = revised.values_of(self.inner.save(commit=False))
        return super().save(commit)


def _call(form: forms.ModelForm) -> None:
    """The fields are called as on the form of the thing itself: forms are made before columns have their words."""
    for name in {column.name for column in form._meta.model._meta.fields} & set(form.fields):
        form.fields[name].label = called(form._meta.model, name)


def form_of(kind: str) -> type[RevisionForm]:
    """The form of a revision of this kind; its fields are known to the class, as the admin asks."""
    fields = {
        name: copy.deepcopy(field)
        for name, field in _FORMS[kind].base_fields.items()
        if name not in revised.FIXED[kind]
    }
    return type(f"{kind.title()}RevisionForm", (RevisionForm,), {"kind": kind, **fields})


FORMS = {kind: form_of(kind) for kind in _FORMS}
