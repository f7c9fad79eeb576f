"""What a browser says of itself, in two coarse words, so that its owner knows it again.

Nothing finer is kept, no version and no address: it would tell people apart and help nobody (Art. 5(1)(c)).
"""

from django.utils.translation import gettext as _

BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"), ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
"""A mark in the `User-Agent` (RFC 9110, 10.1.5), and the name. The first one found counts: most claim to be others."""
SYSTEMS = (
    ("Windows", "Windows"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"), ("Linux", "Linux"),
)  # fmt: skip


def family(user_agent: str) -> tuple[str, str]:
    """Browser and system, each a name of the tables above, or empty."""
    browser, system = (next((name for mark, name in table if mark in user_agent), "") for table in (BROWSERS, SYSTEMS))
    return browser, system


def in_words(browser: str, system: str) -> str:
    """Both as their owner reads them: "Firefox on Windows"."""
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("A browser that does not say which")
