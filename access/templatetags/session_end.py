"""The warning before a session ends (WCAG 2.2, 2.2.1), on every page of somebody who is signed in."""

from typing import Any

from django import template
from django.conf import settings
from django.template import Context

from access.second_factor import is_verified
from access.sessions import NOTED_EVERY

register = template.Library()


@register.inclusion_tag("components/session_end.html", takes_context=True)
def session_end(context: Context) -> dict[str, Any]:
    """`{% session_end %}`: `static/session.js` shows it when it is time; without scripts it says so beforehand."""
    request = context.get("request")
    if request is None or not is_verified(request):
        return {}
    idle, noted_every = settings.SESSION_IDLE_SECONDS, int(NOTED_EVERY.total_seconds())
    return {
        "idle": idle,
        "minutes": (idle - noted_every) // 60,  # what it surely is: the last use may be noted so much too early
        "noted_every": noted_every,
        "left": request.session.get_session_cookie_age(),
    }
