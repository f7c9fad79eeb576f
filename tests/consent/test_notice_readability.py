"""The scores are those of the formulas, and the rules of spelling count the syllables of nine words in ten."""

import pytest

from consent.notices import readability
from consent.notices.readability import reading, syllables, warnings
from consent.notices.text import sentences
from tests.consent.notices import DEMO, demo

COUNTED = {
    "en": """
        you:1 your:1 can:1 withdraw:2 consent:2 at:1 any:2 time:1 easily:3 gave:1 page:1 portal:2 without:2 giving:2
        reason:2 data:2 protection:3 officer:3 answers:2 questions:2 company:3 technical:3 service:2 providers:3
        work:1 instructions:3 only:2 countries:2 outside:2 european:4 economic:4 area:3 access:2 correction:3
        restriction:3 processing:3 object:2 reasons:2 situation:4 compelling:3 complain:2 authority:4 decision:3
        automated:4 means:1 alone:2 profile:2 made:1 newsletter:3 month:1 greet:1 name:1 germany:3 sharing:2
        switch:1 needed:2 asked:1 used:1 stored:1 goods:1 people:2 little:2 possible:3 table:2 invoice:2 invoices:3
        purposes:3 years:1 legitimate:4 interest:3 recipients:4 receive:2 received:2 deliver:3 order:2 idea:3
        create:2 created:3 being:2 science:2 various:3 period:3 experience:4 responsible:4 obligation:4 machine:2
        readable:3 health:1 erase:2 erasure:3 lawful:2 changes:2 services:3 believe:2 quiet:2 media:3 special:2
        social:2 initial:3 actual:3 evaluate:4 continue:3 issue:2 value:2 values:2 argue:2 doing:2 carrier:3
        happier:3 people's:2
    """,
    "de": """
        Sie:1 können:2 Ihre:2 Einwilligung:4 jederzeit:3 so:1 einfach:2 widerrufen:4 wie:1 erteilt:2 haben:2 auf:1
        der:1 Seite:2 dieses:2 Portals:2 Schritt:1 und:1 ohne:2 Angabe:3 von:1 Gründen:2 Datenschutzbeauftragte:7
        Person:2 beantwortet:4 Fragen:2 Niemand:2 außerhalb:3 Unternehmens:4 technische:3 Dienstleister:3 arbeiten:3
        Weisung:2 Daten:2 Länder:2 europäischen:5 Wirtschaftsraums:3 Auskunft:2 Berichtigung:4 Einschränkung:3
        Verarbeitung:4 verlangen:3 Situation:5 ergeben:3 widersprechen:4 zwingenden:3 Behörde:3 Wohnort:2
        beschweren:3 Entscheidung:3 automatisiert:5 Profil:2 Newsletter:3 Monat:2 grüßen:2 Vornamen:3 Deutschland:2
        Weitergabe:4 einschalten:3 Jahre:2 nach:1 letzten:2 Antwort:2 Familien:4 Bestellung:3 Rechnung:2
        Steuerberatung:5 Gesundheit:3 quer:1 Quelle:2 Europa:3 Theater:3 Linie:3 neue:2 Bäume:2 genau:2 heute:2
        treuen:2 ruhig:2 Schuhe:2 sehen:2 gehen:2 Interesse:4 berechtigtes:4
    """,
    "fr": """
        vous:1 pouvez:2 retirer:3 votre:1 consentement:4 à:1 tout:1 moment:2 aussi:2 simplement:3 que:1 avez:2
        donné:2 page:1 portail:2 une:1 étape:2 sans:1 motif:2 avant:2 retrait:2 reste:1 licite:2 délégué:3
        protection:3 données:2 répond:2 questions:2 personne:2 dehors:2 entreprise:3 nos:1 prestataires:3
        techniques:2 agissent:2 instructions:3 envoyons:3 hors:1 espace:2 économique:4 européen:4 accès:2
        rectification:5 limitation:4 traitement:3 opposer:3 raisons:2 tenant:2 situation:4 arrêtons:3 alors:2
        plaindre:1 auprès:2 autorité:4 lieu:1 résidence:3 aucune:2 décision:3 prise:1 moyens:2 automatisés:5
        profil:2 lettre:1 information:4 fois:1 mois:1 saluons:2 prénom:2 jusqu:1 ans:1 après:2 dernière:2 réponse:2
        effacement:4 machine:2 copie:2 lisible:2 obligation:4 nécessaire:3 intérêt:3 public:2 commande:2 eau:1
        beau:1 bureau:2 droit:1 droits:1 lecture:2 recueillies:3 identité:4 conservation:4 qualité:3
    """,
}


def counted(language):
    return [(word, int(count)) for word, count in (pair.rsplit(":", 1) for pair in COUNTED[language].split())]


@pytest.mark.parametrize("language", COUNTED)
def test_nine_words_in_ten_are_counted_right_and_the_sum_is_within_three_in_a_hundred(language):
    """Counted by hand, out of notices and words that are known to be hard to count."""
    pairs = counted(language)
    assert len(pairs) > 80
    right = sum(syllables(word, language) == count for word, count in pairs)
    spoken, said = sum(count for _word, count in pairs), sum(syllables(word, language) for word, _count in pairs)
    assert right / len(pairs) >= 0.9
    assert abs(said - spoken) / spoken <= 0.03


@pytest.mark.parametrize(
    ("language", "text", "score"),
    [
        ("en", "The cat sat. The dog ran.", 206.835 - 1.015 * 3 - 84.6 * 1),
        ("de", "Wir senden Ihnen Post.", 180 - 4 - 58.5 * 6 / 4),
        ("fr", "Vous pouvez refuser.", 207 - 1.015 * 3 - 73.6 * 6 / 3),
    ],
)
def test_the_score_is_that_of_the_formula(language, text, score):
    assert reading(text, language).score == pytest.approx(score)


@pytest.mark.parametrize(
    ("score", "band"),
    [(95, "easy"), (60, "plain"), (59.9, "fairly difficult"), (30, "difficult"), (-20, "very difficult")],
)
def test_a_score_has_a_name(score, band):
    found = readability.Reading(language="en", words=1, sentences=1, score=score)
    assert found.band == band


def test_headings_are_not_sentences_and_an_empty_text_has_no_score():
    assert reading("## Who is responsible\n\nWe are.\n", "en").sentences == 1
    assert reading("## Who is responsible\n", "en").score is None
    assert warnings(reading("", "en"), 100) == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("We do this with your consent (Art. 6(1)(a) GDPR). You can refuse.", 2),
        ("Das gilt ab dem 1. März 2027 (Art. 6 Abs. 1 Buchst. a DSGVO). Sie können z. B. ablehnen.", 2),
        ("Cela vaut p. ex. pour la lettre (art. 6, par. 1, point a) RGPD). Vous pouvez refuser !", 2),
        ("Who? We. Why? To write.", 4),
    ],
)
def test_a_short_form_or_an_ordinal_ends_no_sentence(text, count):
    assert len(sentences(text)) == count


def test_a_hard_text_is_warned_of_by_the_threshold_and_with_its_longest_sentence():
    hard = (
        "The aforementioned organisational responsibilities notwithstanding, "
        + "considerable additional " * 16
        + "processing occurs."
    )
    found = warnings(reading(f"Short is good.\n\n{hard}\n", "en"), 40)
    assert [finding.code for finding in found] == ["reading.hard", "reading.long"]
    assert found[1].quote == hard
    assert [finding.code for finding in warnings(reading(hard, "en"), -1000)] == ["reading.long"]


@pytest.mark.parametrize("slug", DEMO)
@pytest.mark.parametrize("language", COUNTED)
def test_the_notices_of_the_demonstration_can_be_read(slug, language, settings):
    found = reading(demo(slug)[language].body, language)
    assert warnings(found, settings.NOTICE_READABILITY_WARNING) == []
    assert found.longest
    assert found.score < 100
