"""A browser for people who read pages as assistive technology does: forms by their labels, buttons by their names."""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx


class Deviation(AssertionError):
    """The system did something else than it should."""


def expect(holds: object, what: str) -> None:
    """Raises `Deviation` unless it holds."""
    if not holds:
        raise Deviation(what)


@dataclass
class Control:
    """One input, select or text area."""

    name: str
    kind: str
    value: str
    id: str = ""
    checked: bool = False
    options: dict[str, str] = field(default_factory=dict)


@dataclass
class Button:
    """A submit button: its words, and what it sends."""

    words: str
    name: str = ""
    value: str = ""


@dataclass
class Form:
    """A form with its controls by label."""

    action: str
    method: str
    controls: list[Control] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)

    def control(self, label: str) -> Control:
        """The control with this label (its beginning), or this name."""
        for text, target in self.labels.items():
            if text.startswith(label):
                return next(each for each in self.controls if each.id == target)
        return next(each for each in self.controls if each.name == label)

    def has(self, labels: Iterable[str]) -> bool:
        """Whether every label or name stands in this form."""
        known = {*self.labels, *(each.name for each in self.controls)}
        return all(any(text.startswith(label) for text in known) for label in labels)

    def data(self, filled: dict[str, str], button: Button | None) -> dict[str, list[str]]:
        """What the browser would send."""
        chosen = {id(self.control(label)): value for label, value in filled.items()}
        sent: dict[str, list[str]] = {}
        for control in self.controls:
            given = chosen.get(id(control))
            if control.kind in {"radio", "checkbox"}:
                if given is not None or (control.checked and not self._answered(control, chosen)):
                    sent.setdefault(control.name, []).append(control.value)
            elif control.name:
                wanted = control.value if given is None else given
                sent.setdefault(control.name, []).append(control.options.get(wanted, wanted))
        if button is not None and button.name:
            sent.setdefault(button.name, []).append(button.value)
        return sent

    def _answered(self, control: Control, chosen: dict[int, str]) -> bool:
        return control.kind == "radio" and any(
            each.name == control.name and id(each) in chosen for each in self.controls
        )


class _Reader(HTMLParser):
    """Forms, headings and text of one page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.text: list[str] = []
        self._words: list[str] = []
        self._target = ""
        self._button: Button | None = None
        self._option = ""
        self._href = ""
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in {"script", "style"}:
            self._silent += 1
        elif tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get").lower()))
        elif tag == "label":
            self._target, self._words = given.get("for", ""), []
        elif tag == "a":
            self._href, self._words = given.get("href", ""), []
        elif self.forms:
            self._in_form(tag, given)

    def _in_form(self, tag: str, given: dict[str, str]) -> None:
        form = self.forms[-1]
        if tag == "button":
            self._button, self._words = Button("", given.get("name", ""), given.get("value", "")), []
        elif tag == "input" and given.get("type") in {"submit", "image"}:
            form.buttons.append(Button(given.get("value", ""), given.get("name", ""), given.get("value", "")))
        elif tag in {"input", "select", "textarea"}:
            kind = given.get("type", "text") if tag == "input" else tag
            form.controls.append(
                Control(given.get("name", ""), kind, given.get("value", ""), given.get("id", ""), "checked" in given)
            )
            if tag == "textarea":
                self._words = []
        elif tag == "option":
            self._option, self._words = given.get("value", ""), []
            if "selected" in given:
                form.controls[-1].value = self._option

    def handle_endtag(self, tag: str) -> None:
        words = " ".join("".join(self._words).split())
        if tag in {"script", "style"}:
            self._silent -= 1
        elif tag == "label" and self._target and self.forms:
            self.forms[-1].labels[words] = self._target
        elif tag == "a" and self._href:
            self.links.setdefault(words, self._href)
        elif tag == "button" and self._button is not None:
            self._button.words = words
            self.forms[-1].buttons.append(self._button)
            self._button = None
        elif tag == "option" and self.forms:
            control = self.forms[-1].controls[-1]
            control.options[words] = self._option
            if control.value == "" and len(control.options) == 1:
                control.value = self._option
        elif tag == "textarea" and self.forms:
            self.forms[-1].controls[-1].value = "".join(self._words).removeprefix("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.text.append(data)
            self._words.append(data)


@dataclass
class Page:
    """What came back, and what can be done from here."""

    browser: "Browser"
    response: httpx.Response
    forms: list[Form]
    links: dict[str, str]
    text: str

    def submit(
        self, button: str, filled: dict[str, str] | None = None, *, status: int | None = 200, **more: str
    ) -> "Page":
        """The page after pressing the button whose words begin so, in the form that has the labels."""
        for form in self.forms:
            for each in form.buttons:
                if each.words.startswith(button) and form.has(filled or {}):
                    return self._send(form, each, filled or {}, status, more)
        words = [each.words for form in self.forms for each in form.buttons]
        raise Deviation(f"no button {button!r} with {list(filled or [])} on {self.response.url.path}; there is {words}")

    def _send(
        self, form: Form, button: Button, filled: dict[str, str], status: int | None, more: dict[str, str]
    ) -> "Page":
        data = form.data(filled, button) | {name: [value] for name, value in more.items()}
        address = urljoin(str(self.response.url), form.action or str(self.response.url))
        if form.method == "post":
            return self.browser.read(self.browser.http.post(address, data=data), status)
        return self.browser.read(self.browser.http.get(address, params=data), status)


class Browser:
    """Cookies and pages; follows redirects within the service, refuses to leave it."""

    def __init__(self, base: str, verify: str | bool = True) -> None:
        self.base = base
        trusted = ssl.create_default_context(cafile=verify) if isinstance(verify, str) else verify
        self.http = httpx.Client(base_url=base, follow_redirects=True, timeout=30, verify=trusted)
        self.http.headers.update({"Referer": base + "/", "Accept-Language": "en"})

    def get(self, path: str, status: int = 200) -> Page:
        """The page at a path."""
        return self.read(self.http.get(path), status)

    def read(self, response: httpx.Response, status: int | None) -> Page:
        """The answer as a page; `Deviation` for another status than expected."""
        path = response.url.path
        expect(urlsplit(str(response.url)).netloc == urlsplit(self.base).netloc, "the browser was led elsewhere")
        expect(status in {None, response.status_code}, f"{path} answered {response.status_code}, expected {status}")
        reader = _Reader()
        if "html" in response.headers.get("content-type", ""):
            reader.feed(response.text)
        return Page(self, response, reader.forms, reader.links, " ".join("".join(reader.text).split()))
