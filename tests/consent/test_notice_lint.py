"""What presses, hides or confuses is found in three languages, quoted, with reason and source; plain wording is not."""

import time

import pytest

from consent.notices.diff import Wording
from consent.notices.findings import BLOCK, WARN, digest_of
from consent.notices.lint import QUOTED, RULES, lint
from tests.consent.notices import DEMO, LANGUAGES, basis_of, demo

BAD = {
    "pre_ticked": {
        "en": [
            "The box is pre-ticked for you.", "This option is already selected.", "Sharing is enabled by default.",
            "Untick the box if you would rather not.", "The box is pre\u00adticked.", "The box is PRE\u2011CHECKED.",
        ],
        "de": [
            "Das Kästchen ist vorangekreuzt.", "Die Auswahl ist bereits aktiviert.",
            "Sie können das Häkchen wieder entfernen.",
        ],
        "fr": ["La case est précochée.", "L'option est activée par défaut.", "Décochez la case pour refuser."],
    },
    "implied": {
        "en": [
            "By continuing to use this site, you agree to our newsletter.",
            "If you use our shop you accept the processing.",
            "Your continued use means that you consent.", "You are deemed to have accepted this.",
            "You consent to this by visiting the portal.", "We assume that you agree.",
        ],
        "de": [
            "Durch die weitere Nutzung stimmen Sie der Verarbeitung zu.", "Indem Sie fortfahren, willigen Sie ein.",
            "Wenn Sie diese Seite weiter nutzen, akzeptieren Sie das.", "Ihr Schweigen gilt als Einwilligung.",
        ],
        "fr": [
            "En poursuivant votre navigation, vous acceptez l'envoi.", "La poursuite de la visite vaut acceptation.",
            "Vous êtes réputé avoir consenti.", "En utilisant ce site, vous consentez au traitement.",
        ],
    },
    "bundled": {
        "en": [
            "You agree to all of our purposes.", "I accept the terms and conditions and the processing of my data.",
            "This consent covers our partners too.",
        ],
        "de": [
            "Sie willigen damit in alle unsere Zwecke ein.", "Ich nehme die AGB und die Verarbeitung meiner Daten an.",
            "Diese Einwilligung gilt auch für Profile.",
        ],
        "fr": [
            "Vous consentez à toutes nos finalités.",
            "J'accepte les conditions générales et le traitement de mes données.",
            "Ce consentement vaut aussi pour la publicité.",
        ],
    },
    "shaming": {
        "en": ["No, I don't care about my friends.", "No thanks, I’d rather pay more.", "No, I do not want to save."],
        "de": ["Nein danke, ich verzichte auf Vorteile.", "Nein, mir ist meine Sicherheit egal.", "Das ist mir egal."],
        "fr": [
            "Non merci, je préfère payer plus.", "Non, je me moque de ma sécurité.",
            "Non, je n’ai pas envie d'économiser.",
        ],
    },
    "irrevocable": {
        "en": ["Your consent is irrevocable.", "You cannot withdraw it later.", "Your choice is final."],
        "de": ["Die Einwilligung ist unwiderruflich.", "Sie können sie später nicht mehr widerrufen."],
        "fr": ["Votre accord est irrévocable.", "Vous ne pourrez pas le retirer."],
    },
    "unfinished": {
        "en": ["We are {name}.", "TODO say who we are.", "We are [[COMPANY NAME]]."],
        "de": ["Wir sind %(name)s."], "fr": ["Lorem ipsum."],
    },
    "conditional": {
        "en": ["You must consent to order.", "Without your consent you cannot use the service."],
        "de": ["Sie müssen dem zustimmen.", "Ohne Ihre Einwilligung können Sie nicht bei uns bestellen."],
        "fr": ["Vous devez accepter.", "Sans votre consentement, nous ne pouvons pas livrer."],
    },
    "hidden_refusal": {
        "en": ["You can withdraw by registered letter.", "To refuse, open the settings; accept all here."],
        "de": ["Sie können schriftlich widerrufen.", "Alle akzeptieren"],
        "fr": ["Vous pouvez retirer votre accord par courrier.", "Tout accepter"],
    },
    "pressure": {
        "en": ["Only today!", "Hurry, the offer ends soon.", "Agree now."],
        "de": ["Nur noch heute!", "Letzte Chance.", "Jetzt zustimmen."],
        "fr": ["Dernière chance !", "Acceptez vite.", "Ne manquez pas cela."],
    },
    "steering": {
        "en": ["We would be sad.", "You will miss out.", "We recommend that you accept.", "Agree and win a prize."],
        "de": [
            "Wir wären traurig.", "Wir empfehlen, zuzustimmen: zustimmen ist einfach.",
            "Wer einwilligt, erhält einen Rabatt.",
        ],
        "fr": ["Nous serions déçus.", "Vous manquerez nos offres.", "Acceptez et recevez un cadeau."],
    },
    "ambiguous": {
        "en": ["We may share your data.", "For similar purposes, etc."],
        "de": ["Gegebenenfalls geben wir Daten weiter.", "An ausgewählte Partner."],
        "fr": ["Nous pouvons être amenés à vous écrire.", "Pour d'autres finalités."],
    },
}  # fmt: skip
FINE = {
    "en": [
        "No box is pre-ticked.", "Nothing is ticked by default.", "We never assume that you agree.",
        "Silence is not consent.", "Use of the site never implies consent.",
        "By giving your consent you agree to one purpose only.",
        "You can use the shop without giving consent.", "You can withdraw your consent at any time.",
        "You are free to say no.", "Without your consent we send you nothing.",
        "If you use the shop, we keep your order.",
    ],
    "de": [
        "Kein Kästchen ist vorangekreuzt.", "Schweigen ist keine Einwilligung.",
        "Ein Nein hat für Sie keinen Nachteil.",
        "Sie können jederzeit widerrufen, wie Sie es wünschen.", "Wenn Sie die Seite nutzen, speichern wir nichts.",
        "Ohne Ihre Einwilligung senden wir Ihnen nichts.", "Schweigen gilt nicht als Einwilligung.",
    ],
    "fr": [
        "Aucune case n'est précochée.", "Votre silence ne vaut pas acceptation.", "Vous pouvez refuser librement.",
        "Vous pouvez retirer votre consentement à tout moment.", "En utilisant le site, vous ne perdez rien.",
        "Sans votre consentement, nous n'envoyons rien.", "L'utilisation du site ne vaut pas accord.",
    ],
}  # fmt: skip
WITHDRAW = {
    "en": "You can withdraw at any time.", "de": "Sie können jederzeit widerrufen.", "fr": "Vous pouvez retirer cela.",
}  # fmt: skip
CASES = [(code, language, text) for code, every in BAD.items() for language, texts in every.items() for text in texts]


def read(text, language, basis="consent"):
    return lint(Wording("Title", f"{text}\n\n{WITHDRAW[language]}\n"), language, basis)


@pytest.mark.parametrize(("code", "language", "text"), CASES)
def test_it_is_found_with_quote_reason_and_source(code, language, text):
    found = [finding for finding in read(text, language) if finding.code == code]
    assert len(found) == 1, read(text, language)
    assert found[0].quote
    assert found[0].where == "the opening"
    assert found[0].reason
    assert "Art." in found[0].source or "EDPB" in found[0].source or "ecital" in found[0].source


@pytest.mark.parametrize(("language", "text"), [(each, text) for each, texts in FINE.items() for text in texts])
def test_plain_wording_and_its_denial_are_not_found(language, text):
    assert read(text, language) == []


@pytest.mark.parametrize("slug", DEMO)
@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_found_in_the_notices_of_the_demonstration(slug, language):
    assert lint(demo(slug)[language], language, basis_of(slug)[0]) == []


def test_every_rule_is_tried_in_every_language():
    assert {rule.code for rule in RULES} == BAD.keys()
    assert all(BAD[rule.code].keys() == rule.patterns.keys() == set(LANGUAGES) for rule in RULES)


@pytest.mark.parametrize("code", BAD)
def test_what_blocks_and_what_warns(code):
    severities = {rule.code: rule.severity for rule in RULES}
    blocks = {"pre_ticked", "implied", "bundled", "shaming", "irrevocable", "unfinished"}
    assert severities[code] == (BLOCK if code in blocks else WARN)


def test_what_consent_alone_asks_for_is_not_asked_of_a_contract():
    assert read("You must accept the delivery.", "en", "contract") == []
    assert [finding.code for finding in read("You must accept.", "en")] == ["conditional"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_notice_of_consent_without_a_word_of_withdrawing_is_blocked(language):
    text = Wording("Title", "Hello.\n")
    [finding] = lint(text, language, "consent")
    assert (finding.code, finding.severity) == ("no_withdrawal", BLOCK)
    assert lint(text, language, "contract") == []


@pytest.mark.parametrize("text", ["ACCEPT", "YES PLEASE to it", "Press ACCEPT ALL NOW"])
def test_a_yes_in_capitals_is_shouting(text):
    assert "shouting" in {finding.code for finding in read(text, "en")}
    assert "shouting" not in {finding.code for finding in read("GDPR, Art. 6; DSGVO; RGPD; BfDI", "en")}


@pytest.mark.parametrize("hidden", ["\u200b", "\u202e", "\u2066", "\ufeff", "\x00", "\x1b", "\u200d"])
def test_characters_that_nobody_sees_are_blocked_and_do_not_hide_words(hidden):
    found = read(f"The box is pre-{hidden}ticked.", "en")
    assert {finding.code: finding.severity for finding in found} == {"hidden_characters": BLOCK, "pre_ticked": BLOCK}
    assert any(finding.quote == f"U+{ord(hidden):04X}" for finding in found)
    assert all(hidden not in finding.quote for finding in found)


def test_the_title_and_headings_are_read_as_well():
    found = lint(Wording("Hurry", "Hi. Withdraw.\n\n## Only today\n\nHi.\n"), "en", "consent")
    where = {finding.where for finding in found}
    assert where == {"the title", "Only today"}


def test_of_a_long_sentence_the_words_around_are_quoted():
    text = "we write to you, " * 60 + "and you are deemed to have accepted it " + "as we said " * 60 + "."
    [finding] = [finding for finding in read(text, "en") if finding.code == "implied"]
    assert "deemed to have accepted" in finding.quote
    assert len(finding.quote) <= QUOTED + 4


def test_the_acknowledgement_is_bound_to_exactly_these_findings():
    two, other = read("Hurry. We may share it.", "en"), read("Hurry. We may use it.", "en")
    assert digest_of(two) == digest_of(two[::-1]) != digest_of(other)
    assert digest_of(two[:1]) not in {digest_of(two), ""}
    assert digest_of([]) == ""


def test_patterns_take_no_more_than_their_time():
    """Twenty pages of the words the patterns begin with."""
    text = ("by using you the consent if you withdraw no I accept the terms of " * 800) + "."
    begun = time.process_time()
    read(text, "en")
    assert time.process_time() - begun < 5
