"""The languages of a notice say the same; where they do not, the finding says where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.notices.amounts import amounts
from consent.notices.contents import thin
from consent.notices.diff import Wording
from consent.notices.parity import parity
from consent.notices.points import HEADINGS, points
from tests.consent.notices import DEMO, LANGUAGES, basis_of, changed, demo
from tests.plugins.exhaustive import drawn


def found(texts):
    return [(finding.language, finding.code, finding.where) for finding in parity(texts)]


@pytest.mark.parametrize("slug", DEMO)
def test_the_notices_of_the_demonstration_have_parity_and_say_what_they_should(slug):
    texts = demo(slug)
    assert parity(texts) == []
    assert [finding for language in texts for finding in thin(texts[language].body, language, *basis_of(slug))] == []


@pytest.mark.parametrize(
    ("language", "old", "new", "code", "where"),
    [
        ("de", "zwei Jahre", "drei Jahre", "period", "Wie lange wir speichern"),
        ("fr", "deux ans", "24 mois", "period", "Durée de conservation"),
        ("de", "(Art. 6 Abs. 1", "(Art. 7 Abs. 1", "number", "Wofür und auf welcher Rechtsgrundlage"),
        ("fr", "https://www.datenschutz-berlin.de", "https://www.cnil.fr", "link", "Réclamation"),
        ("de", "dpo@controller.example", "dsb@controller.example", "link", "Datenschutzbeauftragte Person"),
        ("de", "längstens", "ab 1. März 2027 längstens", "date", "Wie lange wir speichern"),
        ("fr", "au plus", "{delai} au plus", "placeholder", "Durée de conservation"),
        ("de", "Ein Nein", "\n\nEin Nein", "paragraphs", "Ob Sie die Daten bereitstellen müssen"),
        ("de", "## Beschwerde", "## Anderes", "heading_missing", "Complaints"),
        ("fr", "## Vos droits", "## En plus\n\nRien.\n\n## Vos droits", "heading_more", "En plus"),
    ],
)
def test_what_differs_is_found_where_it_stands(language, old, new, code, where):
    assert (language, f"parity.{code}", where) in found(changed(demo(), language, old, new))


def test_a_missing_language_and_one_that_nobody_translated_are_found():
    texts = demo()
    assert found({"en": texts["en"], "de": texts["de"]}) == [("fr", "parity.missing", "the whole notice")]
    copied = texts | {"fr": texts["en"]}
    assert ("fr", "parity.not_translated", "the whole notice") in found(copied)


def test_headings_in_another_order_are_found():
    texts = demo()
    first, second = (HEADINGS[point]["de"] for point in ("recipients", "transfers"))
    swapped = texts["de"].body.replace(first, "@").replace(second, first).replace("@", second)
    assert ("de", "parity.heading_order", second) in found(texts | {"de": Wording("x", swapped)})


def test_a_translation_that_leaves_most_of_a_part_out_is_found():
    texts = demo()
    said = texts["fr"].body.split("## Retrait de votre consentement\n\n")[1].split("\n\n##")[0]
    assert ("fr", "parity.length", "Retrait de votre consentement") in found(
        changed(texts, "fr", said, "À tout moment.")
    )


def test_many_more_sentences_are_found():
    texts = demo()
    longer = texts["de"].body + "Ja. " * 40
    assert ("de", "parity.sentences", "the whole notice") in found(texts | {"de": Wording("Newsletter", longer)})


def test_headings_of_ones_own_are_matched_by_their_order():
    own = {"en": "Cookies", "de": "Kekse", "fr": "Témoins"}
    texts = {
        language: Wording("x", wording.body + f"\n## {own[language]}\n\n12.\n") for language, wording in demo().items()
    }
    assert found(texts) == []
    assert ("de", "parity.number", "Kekse") in found(changed(texts, "de", "\n12.", "\n13."))


# --- the same fact, however it is written -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("date", ["1 March 2027", "March 1st, 2027", "1. März 2027", "01.03.2027", "1er mars 2027", "2027-03-01"]),
        ("period", ["two years", "2 years", "zwei Jahren", "2 Jahre", "deux ans", "deux années"]),
        ("period", ["one month", "einem Monat", "ein Monat", "un mois", "a month", "1 calendar month"]),
        ("number", ["10,000", "10.000", "10 000", "10\u202f000", "10000"]),
        ("number", ["1.5", "1,5"]),
        ("link", ["https://a.example/x", "https://A.example/x.", "(https://a.example/x/)"]),
        ("placeholder", ["{name}", "{ name }"]),
    ],
)  # fmt: skip
def test_one_fact_in_many_spellings_is_one_fact(kind, written):
    facts = [amounts(f"Until {each} or so") for each in written]
    assert all(fact == facts[0] for fact in facts)
    assert facts[0][kind].total() == 1
    assert sum(counted.total() for counted in facts[0].values()) == 1


def test_how_often_something_is_done_is_no_period():
    assert amounts("We write once a month.")["period"].total() == 0


@given(
    day=st.integers(1, 28), month=st.integers(1, 12), year=st.integers(2000, 2099), count=st.integers(2, 999),
    slug=st.sampled_from(DEMO), language=st.sampled_from(["de", "fr"]),
)  # fmt: skip
@drawn(80)
def test_a_fact_in_every_language_differs_in_none_and_changed_in_one_is_found(day, month, year, count, slug, language):
    said = {
        "en": f"This holds until {year}-{month:02}-{day:02} for {count} days.",
        "de": f"Das gilt bis {day}.{month}.{year} und für {count} Tage.",
        "fr": f"Ceci vaut jusqu'au {day:02}/{month:02}/{year} pour {count} jours.",
    }
    texts = {each: Wording(w.title, f"{w.body}\n{said[each]}\n") for each, w in demo(slug).items()}
    assert parity(texts) == []
    unit = {"de": "Tage", "fr": "jours"}[language]
    other = changed(texts, language, f"{count} {unit}", f"{count + 1} {unit}")
    assert {(each, code) for each, code, _where in found(other)} == {(language, "parity.period")}


@given(st.lists(st.sampled_from(points("consent")), unique=True, min_size=1), st.randoms())
@drawn(60)
def test_whatever_headings_there_are_in_the_same_order_there_is_parity(chosen, chance):
    chance.shuffle(chosen)
    texts = {language: headed(chosen, language) for language in LANGUAGES}
    assert parity(texts) == []
    short = texts | {"fr": headed(chosen[1:], "fr")}
    if len(chosen) > 1:
        assert ("fr", "parity.heading_missing", HEADINGS[chosen[0]]["en"]) in found(short)


def headed(chosen, language):
    """A body of these points, each of one sentence that names its language."""
    return Wording("x", "".join(f"## {HEADINGS[point][language]}\n\nHere {language}.\n\n" for point in chosen))


# --- points that say too little ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("language", "old", "new", "code", "said"),
    [
        ("en", "at any time", "later", "thin.withdrawal", "at any time"),
        ("de", "jederzeit", "später", "thin.withdrawal", "at any time"),
        ("fr", "à tout moment", "plus tard", "thin.withdrawal", "at any time"),
        ("en", "(Art. 6(1)(a) GDPR)", "(Art. 6(1)(f) GDPR)", "thin.purpose", "Art. 6(1)(f)"),
        ("de", "Abs. 1 Buchst. a", "Abs. 1 Satz 1 lit. f", "thin.purpose", "Art. 6(1)(f)"),
        ("fr", "par. 1, point a)", "paragraphe 1, point c)", "thin.purpose", "Art. 6(1)(c)"),
        ("en", " (Art. 6(1)(a) GDPR)", "", "thin.purpose", "does not name the legal ground"),
        ("en", "for erasure and ", "", "thin.rights", "erasure (Art. 17)"),
        ("de", "Einschränkung", "Änderung", "thin.rights", "restriction (Art. 18)"),
        ("fr", "rectification", "modification", "thin.rights", "rectification (Art. 16)"),
        ("de", "dpo@controller.example", "unserem Haus", "thin.officer", "no way to reach"),
    ],
)
def test_a_point_that_says_too_little_is_found(language, old, new, code, said):
    texts = changed(demo(), language, old, new)
    findings = thin(texts[language].body, language, "consent")
    assert [finding.code for finding in findings] == [code]
    assert said in findings[0].words
