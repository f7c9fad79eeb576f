"""Bodies are read strictly: what is ambiguous, too large, too deep or unknown is refused and never a 500."""

import gzip
import io
import json

import psycopg
import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.db import OperationalError
from django.http import UnreadablePostError

from access.rest.parsers import MOST_BYTES, MOST_LEVELS, parse, raw_body
from access.rest.problems import handle
from gdpr_portal.bodies import MOST_READ_FOR_NOTHING, NothingLeftBehind, WholeBodies
from gdpr_portal.errors import DomainError


def send(api, probe, raw: bytes | str, content_type: str = "application/json", **extra):
    data = raw.encode() if isinstance(raw, str) else raw
    return api.generic("PUT", f"{probe}/body", data, content_type, **extra)


@pytest.mark.parametrize(
    "raw",
    [
        "", "{", "nope", '{"name": NaN}', '{"name": Infinity}', '{"name": -Infinity}', '{"count": 1e999}',
        '{"name": "\\ud800"}', '{"\\udfff": 1}', '{"name": "a\\u0000b"}', '{"name": "x", "name": "y"}',
        b'{"name": "\xff"}', b'\xef\xbb\xbf{"name": "x"}', '{"name": "x"} {}', "{'name': 'x'}", '{"name": "x",}',
        '{"count": ' + "9" * 5000 + "}", '{"name": "a\tb"}', '"\\ud83d\\ud83d"',
    ],
)  # fmt: skip
def test_what_is_not_plain_json_is_malformed(api, probe, raw):
    answer = send(api, probe, raw)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")


def test_a_pair_of_surrogates_is_one_character(api, probe):
    assert send(api, probe, '{"name": "\\ud83d\\ude00"}').json()["name"] == "😀"


@pytest.mark.parametrize(
    ("levels", "code"),
    [(MOST_LEVELS, "unknown_member"), (MOST_LEVELS + 1, "too_deep"), (900, "too_deep"), (100_000, "too_deep")],
)
def test_nesting_ends_at_twenty_levels(api, probe, levels, code):
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        inner = levels - 1
        raw = '{"x":' + opening * inner + "1" + closing * inner + "}"
        answer = send(api, probe, raw)
        assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_body_of_one_mebibyte_is_read_and_a_byte_more_is_413(api, probe):
    frame = len('{"name": "x", "maybe": ""}')
    fits = json.dumps({"name": "x", "maybe": "y" * (MOST_BYTES - frame)})
    assert len(fits) == MOST_BYTES
    assert send(api, probe, fits).status_code == 200
    answer = send(api, probe, fits + " ")
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_without_content_length_the_size_is_counted(api, probe):
    chunked = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    fits, too_large = io.BytesIO(b'{"name": "x"}'), io.BytesIO(b" " * (MOST_BYTES + 2))
    assert send(api, probe, "x", **chunked, **{"wsgi.input": fits}).json() == {"name": "x"}
    answer = send(api, probe, "x", **chunked, **{"wsgi.input": too_large})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("length", ["5", "abc", "-1"])
def test_a_content_length_that_lies_is_never_a_500(api, probe, length):
    assert send(api, probe, '{"name": "x"}', CONTENT_LENGTH=length).status_code == 400


def test_a_body_that_was_cut_off_is_refused_though_what_came_could_be_read():
    """RFC 9112 section 8: granian hands on what came, and a form without its last fields is another form."""
    form = b"purpose=newsletter&answer=no"

    def arrived(door, length, read=raw_body):
        environ = {
            "REQUEST_METHOD": "POST", "PATH_INFO": "/consent", "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "CONTENT_LENGTH": str(length), "wsgi.input": io.BytesIO(form),
        }  # fmt: skip
        return door(lambda given, _start_response: [read(WSGIRequest(given))])(environ, None)

    assert arrived(WholeBodies, len(form)) == [form]
    assert arrived(WholeBodies, len(form) - 3) == [form[:-3]]
    assert arrived(lambda application: application, len(form) + 17) == [form], "Django alone takes it for the whole"
    with pytest.raises(DomainError) as refused:
        arrived(WholeBodies, len(form) + 17)
    assert (refused.value.code, refused.value.status) == ("malformed_request", 400)
    with pytest.raises(UnreadablePostError):
        arrived(WholeBodies, len(form) + 17, lambda request: request.POST)


@pytest.mark.parametrize(
    ("sent", "read", "more", "left", "closes"),
    [
        (5000, 5000, {}, 0, False),
        (900_000, 0, {}, 0, False),
        (MOST_READ_FOR_NOTHING, 10, {}, 0, False),
        (MOST_READ_FOR_NOTHING + 1, 0, {}, MOST_READ_FOR_NOTHING + 1, True),
        (5000, 0, {"HTTP_EXPECT": "100-continue"}, 5000, True),
        (5000, 5000, {"HTTP_EXPECT": "100-continue"}, 0, False),
        (5000, 0, {"CONTENT_LENGTH": "5001"}, 0, True),
        (900_000, 0, {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}, 0, False),
        (900_000, -1, {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}, 0, False),
        (3_000_000, 0, {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}, 3_000_000 - (2 << 20), True),
        (0, 0, {}, 0, False),
    ],
)
def test_what_nobody_read_of_a_body_is_read_or_the_connection_said_to_close(sent, read, more, left, closes):
    """RFC 9112 section 9.3: granian closes without a word, and the next request on that connection gets no answer."""
    body = io.BytesIO(b"x" * sent)

    def refusing(environ, start_response):
        environ["wsgi.input"].read(read)
        start_response("413 Payload Too Large", [("Content-Type", "text/plain")])
        return [b"too large"]

    headers = []
    environ = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(sent), "wsgi.input": body} | more
    assert NothingLeftBehind(refusing)(environ, lambda _status, given: headers.extend(given)) == [b"too large"]
    assert (("Connection", "close") in headers, sent - body.tell()) == (closes, left)
    assert ("Content-Type", "text/plain") in headers


def test_slow_senders_of_what_is_refused_hold_two_threads_at_most(monkeypatch):
    headers, deepest = [], 0

    class Slow(io.BytesIO):
        """While it is read, the next one comes."""

        def read(self, size=-1):
            nonlocal deepest
            deepest += 1
            refuse(deepest)
            return super().read(size)

    def refuse(depth):
        environ = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "5", "wsgi.input": Slow(b"x" * 5)}
        door = NothingLeftBehind(lambda _environ, start: start("401 Unauthorized", []) or [])
        door(environ, lambda _status, given: headers.append((depth, given)))

    refuse(0)
    assert deepest == 2 and headers == [(2, [("Connection", "close")]), (1, []), (0, [])]
    refuse(0)
    assert headers[-1] == (0, []), "they are free again"


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "",
     "application/json; charset=latin-1", "application/jsonx", "application/json; profile=x"],
)  # fmt: skip
def test_other_media_types_are_415(api, probe, content_type):
    answer = send(api, probe, '{"name": "x"}', content_type)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_a_compressed_body_is_415_and_not_bad_json(api, probe):
    assert send(api, probe, '{"name": "x"}', HTTP_CONTENT_ENCODING="identity").status_code == 200
    answer = send(api, probe, gzip.compress(b'{"name": "x"}'), HTTP_CONTENT_ENCODING="gzip")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", 'APPLICATION/JSON;Charset="UTF-8"']
)
def test_json_in_utf_8_is_read_however_it_is_named(api, probe, content_type):
    assert send(api, probe, '{"name": "x"}', content_type).status_code == 200


@pytest.mark.parametrize("body", [[], "x", 1, None, True, [{"name": "x"}]])
def test_a_body_that_is_no_object_is_an_invalid_type(api, probe, body):
    answer = api.put(f"{probe}/body", body) if body is not None else send(api, probe, "null")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_type")


@pytest.mark.parametrize(
    ("body", "code", "status", "pointer"),
    [
        ({}, "missing_member", 400, "/name"),
        ({"name": "x", "other": 1}, "unknown_member", 400, "/other"),
        ({"name": 1}, "invalid_type", 400, "/name"),
        ({"name": True}, "invalid_type", 400, "/name"),
        ({"name": None}, "invalid_type", 400, "/name"),
        ({"name": ["x"]}, "invalid_type", 400, "/name"),
        ({"name": "x", "count": "1"}, "invalid_type", 400, "/count"),
        ({"name": "x", "count": True}, "invalid_type", 400, "/count"),
        ({"name": "x", "count": 1.0}, "invalid_type", 400, "/count"),
        ({"name": "x", "flag": "true"}, "invalid_type", 400, "/flag"),
        ({"name": "x", "flag": 1}, "invalid_type", 400, "/flag"),
        ({"name": "x", "kind": 1}, "invalid_type", 400, "/kind"),
        ({"name": "x", "tags": "a"}, "invalid_type", 400, "/tags"),
        ({"name": "x", "tags": ["a", 1]}, "invalid_type", 400, "/tags/1"),
        ({"name": "x", "values": {"email": 1}}, "invalid_type", 400, "/values/email"),
        ({"name": "x", "item": []}, "invalid_type", 400, "/item"),
        ({"name": "x", "items": [1]}, "invalid_type", 400, "/items/0"),
        ({"name": "x", "items": [{}]}, "missing_member", 400, "/items/0/id"),
        ({"name": "x", "item": {"id": "x", "more": 1}}, "unknown_member", 400, "/item/more"),
        ({"name": "x" * 21}, "invalid_value", 422, "/name"),
        ({"name": ""}, "invalid_value", 422, "/name"),
        ({"name": "x", "count": 11}, "invalid_value", 422, "/count"),
        ({"name": "x", "count": 10**400}, "invalid_value", 422, "/count"),
        ({"name": "x", "kind": "c"}, "invalid_value", 422, "/kind"),
        ({"name": "x", "day": "2026-1-1"}, "invalid_value", 422, "/day"),
        ({"name": "x", "day": "20260101"}, "invalid_value", 422, "/day"),
        ({"name": "x", "day": "2026-02-30"}, "invalid_value", 422, "/day"),
        ({"name": "x", "at": "2026-01-01T00:00:00"}, "invalid_value", 422, "/at"),
        ({"name": "x", "at": "2026-01-01"}, "invalid_value", 422, "/at"),
        ({"name": "x", "at": "0001-01-01T00:00:00+14:00"}, "invalid_value", 422, "/at"),
        ({"name": "x", "item": {"id": "5e0b0d2c7f414a7ca9c4d0a0d8a0c3f1"}}, "invalid_value", 422, "/item/id"),
        ({"name": "x", "items": [{"id": "x"}] * 4}, "batch_too_large", 422, "/items"),
    ],
)  # fmt: skip
def test_each_flaw_has_its_code_and_pointer(api, probe, body, code, status, pointer):
    answer = api.put(f"{probe}/body", body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert pointer in [flaw["pointer"] for flaw in problem["errors"] if flaw["code"] == code]


@pytest.mark.parametrize("at", ["2026-01-01t01:00:00.123456789z", "2026-01-01T02:00:00.1234569+01:00"])
def test_a_moment_may_be_finer_than_a_microsecond(api, probe, at):
    """Go, Java and Rust write nine digits of a second."""
    assert api.put(f"{probe}/body", {"name": "x", "at": at}).json()["at"] == "2026-01-01 01:00:00.123456+00:00"


def test_all_flaws_are_told_at_once(api, probe):
    flaws = api.put(f"{probe}/body", {"count": "1", "kind": "c", "other": 1}).json()["errors"]
    assert {(flaw["pointer"], flaw["code"]) for flaw in flaws} == {
        ("/name", "missing_member"),
        ("/count", "invalid_type"),
        ("/kind", "invalid_value"),
        ("/other", "unknown_member"),
    }


def test_no_value_and_no_odd_name_is_repeated(api, probe):
    canary = "alice@example.org"
    body = {"name": "x" + canary * 3, "kind": canary, canary: 1, "day": canary, "values": {canary: 1}}
    answer = api.put(f"{probe}/body", body)
    assert answer.status_code == 400 and canary.encode() not in answer.content


def test_null_is_taken_where_it_means_something(api, probe):
    assert api.put(f"{probe}/body", {"name": "x", "maybe": None}).status_code == 200


def test_a_post_that_needs_no_member_takes_no_body_or_an_empty_object(api, probe):
    assert api.generic("POST", f"{probe}/slow", b"", "").status_code == 201
    assert api.post(f"{probe}/slow", {}).status_code == 201
    assert api.post(f"{probe}/slow", {"x": 1}).json()["code"] == "unknown_member"


def test_no_bytes_at_all_bring_the_parser_down():
    import random

    chance = random.Random(7)
    letters = '{}[]",:0123456789eE+-.truefalsn\\u\x00\ud800é '
    for _ in range(3000):
        raw = "".join(chance.choice(letters) for _ in range(chance.randint(0, 40))).encode("utf-8", "surrogatepass")
        try:
            parse(raw)
        except DomainError as error:
            assert error.status == 400


@pytest.mark.parametrize(
    ("cause", "said"),
    [(psycopg.errors.LockNotAvailable(), "not done yet"), (psycopg.OperationalError(), "cannot answer now")],
)
def test_a_lock_waited_for_in_vain_is_not_called_an_outage(cause, said, caplog):
    error = OperationalError()
    error.__cause__ = cause
    answer = handle(error, {})
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert said in json.loads(answer.content)["detail"]
    assert ("database not available" in caplog.text) is (said == "cannot answer now")
