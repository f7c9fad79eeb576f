"""The OpenAPI document says what the code does: scopes, problems, headers and keys of every operation."""

from typing import Any

from drf_spectacular.openapi import AutoSchema

from access.scopes import SCOPES

PROBLEMS = {
    "400": "`malformed_json`, `invalid_type`, `missing_member`, `unknown_member`, `invalid_parameter`, `too_deep`.",
    "401": "`invalid_token`: no live token.",
    "403": "`scope_missing`, or a refused decision with its code.",
    "404": "`not_found`: unknown, or not for this application to know of.",
    "405": "`method_not_allowed`.",
    "406": "`not_acceptable`.",
    "409": "In conflict with what stands, `idempotency_in_progress` among others.",
    "410": "`erased`, or expired.",
    "413": "`too_large`: more than 1 MiB.",
    "415": "`unsupported_media_type`.",
    "416": "`range_not_satisfiable`: the range begins behind the end.",
    "422": "`invalid_value`, `batch_too_large`, `idempotency_mismatch`.",
    "429": "`throttled`; come back after `Retry-After` seconds.",
    "503": "`unavailable`: nothing was received; come back after `Retry-After` seconds.",
}
_ALWAYS = ("400", "401", "403", "406", "429", "503")
_WITH_BODY = ("409", "413", "415", "422")
_WITH_PATH = ("404", "410")
ANSWERED = ("X-Request-Id", "RateLimit-Policy", "RateLimit")
"""Headers of every answer to an application that was let in."""
BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})


class ContractSchema(AutoSchema):
    """Adds to each operation what every operation has by being a ScopedView."""

    def get_tags(self) -> list[str]:
        """The first part of the path after /api/v1/."""
        parts = self.path.removeprefix("/api/v1/").split("/")
        return [parts[0]]

    def get_auth(self) -> list[dict[str, list[str]]]:
        """The one scope the method declares; none for public views."""
        scope = getattr(self.view, "scopes", {}).get(self.method)
        return [{"oauth2": [scope]}] if scope else []

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation is None or not hasattr(self.view, "scopes"):
            return operation
        operation.setdefault("parameters", []).extend(self._common_parameters())
        responses = operation.setdefault("responses", {})
        for response in responses.values():
            response.setdefault("headers", {}).update(_refs("headers", *ANSWERED, *self._own_headers()))
        for status in self._problem_statuses():
            responses.setdefault(status, {"$ref": f"#/components/responses/Problem{status}"})
        operation["responses"] = dict(sorted(responses.items()))
        return operation

    def _own_headers(self) -> tuple[str, ...]:
        """What the answers of this operation carry beside what all do."""
        replayed = ("Idempotency-Replayed",) if self._takes_key() else ()
        return (*replayed, *getattr(self.view, "answer_headers", ()))

    def _takes_key(self) -> bool:
        return self.method == "POST" and not getattr(self.view, "scopes", {}).get("POST", "").endswith(":read")

    def _common_parameters(self) -> list[dict[str, str]]:
        names = ["RequestId", "IdempotencyKey"] if self._takes_key() else ["RequestId"]
        return [{"$ref": f"#/components/parameters/{name}"} for name in names]

    def _problem_statuses(self) -> list[str]:
        found = list(_ALWAYS)
        if self.method in BODY_METHODS:
            found.extend(_WITH_BODY)
        if "{" in self.path:
            found.extend(_WITH_PATH)
        found.extend(getattr(self.view, "problems", {}).get(self.method, ()))
        return found


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """The document also has the shared parts and the two OAuth endpoints (post-processing hook)."""
    result = _with_plain_anything(result)
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(_SCHEMAS)
    _close_bodies(result)
    components["responses"] = {f"Problem{status}": _problem(status, text) for status, text in PROBLEMS.items()}
    components["headers"] = _HEADERS
    components["parameters"] = _PARAMETERS
    components.setdefault("securitySchemes", {}).update(_SECURITY)
    result["paths"] = {**_OAUTH, **result["paths"]}
    return result


def _close_bodies(result: dict[str, Any]) -> None:
    """What is only sent, never answered, takes no other members: they are refused. Answers may grow."""
    schemas = result["components"]["schemas"]
    operations = [each for methods in result["paths"].values() for each in methods.values()]
    sent = _reached([each.get("requestBody") for each in operations], schemas)
    answered = _reached([each.get("responses") for each in operations], schemas)
    for name in sent - answered:
        if "properties" in schemas[name]:
            schemas[name]["additionalProperties"] = False


def _reached(part: Any, schemas: dict[str, Any]) -> set[str]:
    """The names of the schemas that a part of the document leads to."""
    found: set[str] = set()
    waiting = [part]
    while waiting:
        current = waiting.pop()
        if not isinstance(current, dict):
            waiting.extend(current if isinstance(current, list) else [])
            continue
        name = str(current.get("$ref", "")).removeprefix("#/components/schemas/")
        if name in schemas and name not in found:
            found.add(name)
            waiting.append(schemas[name])
        waiting.extend(current.values())
    return found


def _with_plain_anything(part: Any) -> Any:
    """`{}` takes null too; written beside it as the other of two, as the library does, null would fit both and fail."""
    if part == {"oneOf": [{}, {"type": "null"}]}:
        return {}
    if isinstance(part, dict):
        return {name: _with_plain_anything(inner) for name, inner in part.items()}
    return [_with_plain_anything(inner) for inner in part] if isinstance(part, list) else part


def _refs(kind: str, *names: str) -> dict[str, dict[str, str]]:
    return {name: {"$ref": f"#/components/{kind}/{name}"} for name in names}


def _problem(status: str, text: str) -> dict[str, Any]:
    headers = _refs("headers", *ANSWERED, "Idempotency-Replayed")
    if status == "401":  # nobody is known whose allowance could be told
        headers = _refs("headers", "X-Request-Id")
    if status in {"429", "503"}:
        headers |= _refs("headers", "Retry-After")
    if status in {"401", "403"}:
        headers |= _refs("headers", "WWW-Authenticate")
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": text, "headers": headers, "content": content}


def _text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, **more}


_SCHEMAS: dict[str, Any] = {
    "Problem": {
        "type": "object",
        "description": "What went wrong (RFC 9457). `code` is stable.",
        "required": ["type", "title", "status", "code"],
        "properties": {
            "type": _text("Where the code is explained.", format="uri"),
            "title": _text("The code in words."),
            "status": {"type": "integer"},
            "detail": _text("This case in words; never a personal value."),
            "code": _text("Stable name to act on."),
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Flaw"}},
        },
    },
    "Flaw": {
        "type": "object",
        "description": "One member of the input and what is wrong with it.",
        "required": ["pointer", "code", "detail"],
        "properties": {
            "pointer": _text("JSON pointer (RFC 6901)."),
            "code": _text("Stable."),
            "detail": _text("In words."),
        },
    },
    "Token": {
        "type": "object",
        "required": ["access_token", "token_type", "expires_in", "scope"],
        "properties": {
            "access_token": _text("Opaque."),
            "token_type": _text("", enum=["Bearer"]),
            "expires_in": {"type": "integer", "maximum": 600},
            "scope": _text("What was granted, between blanks."),
        },
    },
    "OAuthError": {
        "type": "object",
        "required": ["error"],
        "properties": {"error": _text("RFC 6749 section 5.2."), "error_description": _text("In words.")},
    },
}
_HEADERS: dict[str, Any] = {
    "X-Request-Id": {"description": "The id of this request in logs and audit log.", "schema": {"type": "string"}},
    "RateLimit-Policy": {
        "description": '`"default";q=6000;w=60`, with a limit a second `, "burst";q=200;w=1`',
        "schema": {"type": "string"},
    },
    "RateLimit": {"description": '`"default";r=5990;t=42`', "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "The first answer to this Idempotency-Key once more; only on a POST.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
    "WWW-Authenticate": {"description": "RFC 6750; of the OAuth endpoints RFC 7617.", "schema": {"type": "string"}},
    "ETag": {"description": "Strong, for `If-Range` (RFC 9110).", "schema": {"type": "string"}},
    "Accept-Ranges": {"description": "`bytes`", "schema": {"type": "string"}},
    "Content-Disposition": {"description": "A name for the file.", "schema": {"type": "string"}},
}
_PARAMETERS: dict[str, Any] = {
    "RequestId": {
        "in": "header",
        "name": "X-Request-Id",
        "description": "An id of the caller's for this request, 1 to 128 of A-Z a-z 0-9 . _ -; any other is replaced.",
        "schema": {"type": "string"},
    },
    "IdempotencyKey": {
        "in": "header",
        "name": "Idempotency-Key",
        "description": "The same key and body give the same answer for 24 hours, and one effect.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    },
}
_SECURITY: dict[str, Any] = {
    "oauth2": {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": SCOPES}}},
    "client": {"type": "http", "scheme": "basic", "description": "Client id and secret."},
}


def _oauth(
    operation: str, summary: str, properties: dict[str, Any], required: list[str], answer: Any
) -> dict[str, Any]:
    form = {"type": "object", "properties": properties, "required": required}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/OAuthError"}}}
    return {
        "post": {
            "operationId": operation,
            "summary": summary,
            "tags": ["oauth"],
            "security": [{"client": []}, {}],
            "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}},
            "responses": {
                "200": answer,
                "400": {
                    "description": "`invalid_request`, `invalid_scope`, `unsupported_grant_type`.",
                    "content": error,
                },
                "401": {
                    "description": "`invalid_client`.",
                    "headers": _refs("headers", "WWW-Authenticate"),
                    "content": error,
                },
                "405": {"description": "Only POST.", "content": error},
                "429": {
                    "description": "Too many wrong credentials, or too many tokens.",
                    "headers": _refs("headers", "Retry-After"),
                    "content": error,
                },
                "503": {
                    "description": "`temporarily_unavailable`.",
                    "headers": _refs("headers", "Retry-After"),
                    "content": error,
                },
            },
        }
    }


_CREDENTIALS = {
    "client_id": _text("Unless given by HTTP Basic."),
    "client_secret": _text("Unless given by HTTP Basic."),
}
_OAUTH: dict[str, Any] = {
    "/oauth/token": _oauth(
        "issue_token",
        "A bearer token for 600 seconds at most (RFC 6749 section 4.4)",
        {
            "grant_type": _text("", enum=["client_credentials"]),
            "scope": _text("Between blanks; without it all that was granted."),
            **_CREDENTIALS,
        },
        ["grant_type"],
        {
            "description": "The token.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Token"}}},
        },
    ),
    "/oauth/revoke": _oauth(
        "revoke_token",
        "A token of the caller's is dead (RFC 7009)",
        {"token": _text("The token."), "token_type_hint": _text("Ignored."), **_CREDENTIALS},
        ["token"],
        {"description": "It is dead now, or was no token of the caller's."},
    ),
}
