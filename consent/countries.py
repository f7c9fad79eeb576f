"""The names of countries (ISO 3166) in the languages of this service, from `phonenumbers`.

Only that file of the library is loaded: its package reads where every telephone number of the world belongs, some 130
MB in every process, which nothing here asks for.
"""

from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from django.conf import settings


def _loaded() -> dict[str, dict[str, str]]:
    library = find_spec("phonenumbers")
    if library is None or library.origin is None:
        raise ImportError("phonenumbers")
    name, path = "phonenumbers.geodata.locale", Path(library.origin).parent / "geodata" / "locale.py"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module: Any = module_from_spec(spec)
    spec.loader.exec_module(module)
    languages = {code.split("-")[0] for code, _name in settings.LANGUAGES} | {"en"}
    return {code: _named(names, languages) for code, names in module.LOCALE_DATA.items()}


def _named(names: dict[str, str], languages: set[str]) -> dict[str, str]:
    found = {}
    for language in languages & names.keys():
        name = names[language]
        while name.startswith("*"):  # the same as in another language
            name = names[name[1:]]
        found[language] = name
    return found


COUNTRIES = _loaded()
"""{code: {language: name}}"""
