"""The WSGI door: `granian --interface wsgi gdpr_portal.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gdpr_portal.settings")

application = get_wsgi_application()

from django.conf import settings  # noqa: E402  the settings stand only now

from gdpr_portal import traces  # noqa: E402
from gdpr_portal.bodies import NothingLeftBehind, WholeBodies  # noqa: E402
from gdpr_portal.lifetimes import watch  # noqa: E402

watch("web", settings.RELEASE)
application = WholeBodies(application)  # type: ignore[assignment]  # WSGI like Django's
if settings.QUICK_ANSWERS:
    from gdpr_portal.quick import QuickAnswers
    from gdpr_portal.quick.threads import begin_threads

    application = QuickAnswers(application, first=begin_threads)  # type: ignore[assignment]  # WSGI like Django's
application = NothingLeftBehind(application)  # type: ignore[assignment]  # WSGI like Django's
if settings.TRACES_URL:
    traces.start("web", url=settings.TRACES_URL, ratio=settings.TRACES_RATIO, release=settings.RELEASE)
    application = traces.Traced(application)  # type: ignore[assignment]
