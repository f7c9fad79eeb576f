"""Articles of the regulation, named as readers of each language name them."""

import re

from django import template
from django.utils.translation import gettext as _

register = template.Library()
ARTICLE = re.compile(r"(?:Art\. )?(\d+)(?:\((\d+)\))?(?:\(([a-z])\))?")


@register.filter
def gdpr(article: str) -> str:
    """`{{ "Art. 17(3)(b)"|gdpr }}` is "Art. 17(3)(b) GDPR", in German "Art. 17 Abs. 3 Buchst. b DSGVO"."""
    found = ARTICLE.fullmatch(article)
    if found is None:
        return article
    about = dict(zip(("number", "paragraph", "point"), found.groups(), strict=True))
    if about["point"]:
        return _("Art. %(number)s(%(paragraph)s)(%(point)s) GDPR") % about
    return (_("Art. %(number)s(%(paragraph)s) GDPR") if about["paragraph"] else _("Art. %(number)s GDPR")) % about
