"""The forms of signing up and in. Autocomplete says to password managers what each field is (WCAG 1.3.5, 3.3.8)."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from access.models import Account
from access.services.accounts import normalise_email
from access.services.passkeys import NAME_LENGTH
from gdpr_portal.errors import Invalid


class PlainForm(forms.Form):
    """A form whose labels end without a colon."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": ""} | kwargs)


def _email_field(autocomplete: str = "username") -> forms.EmailField:
    widget = forms.EmailInput(attrs={"autocomplete": autocomplete, "spellcheck": "false", "autocapitalize": "none"})
    return forms.EmailField(label=_("E-mail address"), max_length=254, widget=widget)


def _code_field(label: Any, hint: Any = "") -> forms.CharField:
    attrs = {"autocomplete": "one-time-code", "inputmode": "numeric", "class": "one-time", "spellcheck": "false"}
    return forms.CharField(label=label, help_text=hint, max_length=12, widget=forms.TextInput(attrs=attrs))


def _password_one_has(label: Any) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": "current-password"})
    return forms.CharField(label=label, max_length=256, strip=False, widget=widget)


class EmailForm(PlainForm):
    """Which mailbox a code is sent to."""

    email = _email_field()

    def clean_email(self) -> str:
        try:
            return normalise_email(self.cleaned_data["email"])
        except Invalid as error:
            raise forms.ValidationError(error.message) from None


class SignInForm(PlainForm):
    """What one signs in with; browsers offer their passkeys at the address (WebAuthn's conditional mediation)."""

    email = _email_field("username webauthn")
    password = _password_one_has(_("Password"))


class MailCodeForm(PlainForm):
    """The six digits from the mail."""

    code = _code_field(_("Code from the mail"), _("Six digits. They are valid for ten minutes."))


class FactorForm(PlainForm):
    """The six digits the authenticator shows now."""

    code = _code_field(_("One-time code"), _("The six digits your authenticator app shows now."))


class OldPasswordForm(PlainForm):
    """The password one has, beside the link from the mail."""

    password = _password_one_has(_("Password"))


class PasskeyForm(PlainForm):
    """A new passkey: the name its person knows it by."""

    label = forms.CharField(
        label=_("Name"),
        help_text=_("So that you recognise it in your list, such as “my phone”. Only you see it."),
        max_length=NAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class RecoveryForm(PlainForm):
    """One of the recovery codes."""

    code = forms.CharField(
        label=_("Recovery code"),
        help_text=_("One of the ten codes you kept when you set up your account. Each works once."),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}),
    )


class PasswordForm(PlainForm):
    """A new password, judged with the account it is for."""

    password = forms.CharField(
        label=_("New password"),
        help_text=_("At least 12 characters. A few words you can remember are better than one odd word."),
        max_length=256,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "minlength": "12"}),
    )

    def __init__(self, *args: Any, account: Account | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account = account

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, self.account)
        return password


class ChangePasswordForm(PasswordForm):
    """The password one has and the one to come (OWASP ASVS 6.2.3)."""

    current = _password_one_has(_("Current password"))
    field_order = ("current", "password")


class InvitationForm(PasswordForm):
    """What a member of staff was told, and the password of their choice."""

    code = forms.CharField(
        label=_("Code an operator gave you"),
        help_text=_("Ten letters and digits; capitals and hyphens do not matter."),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "class": "one-time", "spellcheck": "false"}),
    )
    field_order = ("code", "password")
