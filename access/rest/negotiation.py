"""Which format an answer has: what `Accept` weighs most (RFC 9110 section 12.5.1), the first on offer in doubt."""

from collections.abc import Iterable, Sequence

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

Range = tuple[str, str, float]


class QualityNegotiation(BaseContentNegotiation):
    """The renderer of the highest quality value; of equal ones the first. Nothing but `Accept` is looked at."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        return next(iter(parsers), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        ranges = ranges_of(request.META.get("HTTP_ACCEPT", "*/*"))
        weighed = [(quality(str(renderer.media_type), ranges), renderer) for renderer in renderers]
        best = max(weighed, key=lambda pair: pair[0])  # the first of equals
        if best[0] <= 0:
            raise NotAcceptable()
        return best[1], str(best[1].media_type)


def ranges_of(accept: str) -> list[Range]:
    """Type, subtype and quality of every media range; an empty header accepts everything."""
    found = [_range(part) for part in accept.split(",") if part.strip()]
    return found or [("*", "*", 1.0)]


def quality(media_type: str, ranges: Sequence[Range]) -> float:
    """How much this type is wanted, 0 for not at all: the most specific range that covers it decides."""
    main, _, sub = media_type.partition("/")
    for wanted in ((main, sub), (main, "*"), ("*", "*")):
        found = [weight for kind, subtype, weight in ranges if (kind, subtype) == wanted]
        if found:
            return max(found)
    return 0.0


def _range(text: str) -> Range:
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    main, _, sub = name.partition("/")
    given = [part.partition("=")[2].strip() for part in parameters if part.partition("=")[0].strip() == "q"]
    return main, sub or ("*" if main == "*" else ""), _weight(given[0] if given else "1")


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
