"""Requests with a live token, retries where they are safe, and refusals as exceptions."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from gdpr_portal_client._retries import RETRIED, Retries, retry_after
from gdpr_portal_client.errors import AuthenticationFailed, PortalError, Unreachable, problem

EARLY_SECONDS = 30.0
"""A token is renewed this long before it ends."""


class AsyncTransport:
    """One connection pool to one service. Close it, or use it in `async with`."""

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        *,
        scopes: list[str] | None = None,
        retries: Retries | None = None,
        timeout: float = 10.0,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        if not base_url.startswith(("https://", "http://")):
            raise ValueError("base_url is an address such as https://portal.example")
        self._base = base_url.rstrip("/")
        self._credentials = httpx.BasicAuth(client_id, client_secret)
        self._scope = " ".join(scopes or [])
        self._retries = retries or Retries()
        self._timeout = timeout
        self._http = http or httpx.AsyncClient(timeout=timeout)
        self._token, self._until = "", 0.0
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """The connections are closed."""
        await self._http.aclose()

    async def get(self, path: str, **params: Any) -> Any:
        """The decoded answer of a GET; parameters that are None are left out."""
        return await self._json("GET", path, params=_given(params))

    async def poll(self, path: str, wait: int, **params: Any) -> Any:
        """The decoded answer of a GET that the service may hold back for `wait` seconds, beside the usual timeout."""
        asked = _given({**params, "wait": wait or None})
        return await self._json("GET", path, params=asked, timeout=self._timeout + wait)

    async def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """The decoded answer of a PUT."""
        return await self._json("PUT", path, json=body)

    async def post(self, path: str, body: Mapping[str, Any], *, key: str | None = None, **params: Any) -> Any:
        """The decoded answer of a POST under an idempotency key: the one given, or a new one."""
        answer = await self.send(
            "POST", path, json=body, params=_given(params), headers={"Idempotency-Key": key or str(uuid4())}
        )
        return _decoded(answer)

    async def created(self, path: str, body: Mapping[str, Any], *, key: str | None = None) -> tuple[Any, bool]:
        """As `post`, and whether the answer was 201."""
        answer = await self.send("POST", path, json=body, headers={"Idempotency-Key": key or str(uuid4())})
        return _decoded(answer), answer.status_code == 201

    async def text(self, path: str, accept: str) -> bytes:
        """The bytes of an answer in the format asked for."""
        return (await self.send("GET", path, headers={"Accept": accept})).content

    async def _json(self, method: str, path: str, **options: Any) -> Any:
        return _decoded(await self.send(method, path, **options))

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer, 2xx; `Problem` for a refusal, `Unreachable` when there was none after all tries."""
        return _checked(await self._answer(method, path, options))

    async def _answer(
        self, method: str, path: str, options: Mapping[str, Any], *, streamed: bool = False
    ) -> httpx.Response:
        """The last answer after all tries. A streamed one is open if it is 2xx, and read otherwise."""
        began, tried, renewed = time.monotonic(), 0, False
        while True:
            answer = await self._try(method, path, options, streamed)
            tried += 1
            if isinstance(answer, httpx.Response):
                if answer.status_code == 401 and not renewed:
                    renewed, self._until = True, 0.0
                    continue
                if not _is_worth_another_try(answer):
                    return answer
            pause = self._retries.wait(tried, time.monotonic() - began, _asked_to_wait(answer))
            if pause is None:
                if isinstance(answer, httpx.Response):
                    return answer
                raise Unreachable(f"{method} {path}: no answer after {tried} tries ({answer})") from answer
            await asyncio.sleep(pause)

    async def _try(
        self, method: str, path: str, options: Mapping[str, Any], streamed: bool
    ) -> httpx.Response | httpx.TransportError:
        try:
            headers = {**options.get("headers", {}), "Authorization": f"Bearer {await self._live_token()}"}
            request = self._http.build_request(method, self._base + path, **{**options, "headers": headers})
            answer = await self._http.send(request, stream=streamed)
            if streamed and not answer.is_success:
                await answer.aread()
        except httpx.TransportError as error:
            return error
        return answer

    async def _live_token(self) -> str:
        async with self._lock:
            if time.monotonic() >= self._until - EARLY_SECONDS:
                await self._renew()
            return self._token

    async def _renew(self) -> None:
        form = {"grant_type": "client_credentials"} | ({"scope": self._scope} if self._scope else {})
        answer = await self._http.post(f"{self._base}/oauth/token", data=form, auth=self._credentials)
        if answer.status_code >= 500 or answer.status_code == 429:
            raise httpx.ReadError("the token endpoint is not available")
        if answer.status_code != 200:
            raise AuthenticationFailed(_word(answer))
        body = _decoded(answer)
        self._token, self._until = body["access_token"], time.monotonic() + float(body["expires_in"])

    @asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[httpx.Response]:
        """An answer whose body is read bit by bit; not retried once it began, `Unreachable` when it breaks off."""
        answer = await self._answer("GET", path, {}, streamed=True)
        try:
            yield _checked(answer)
        except httpx.TransportError as error:
            raise Unreachable(f"GET {path}: the answer broke off ({error})") from error
        finally:
            await answer.aclose()


def _is_worth_another_try(answer: httpx.Response) -> bool:
    """A service that is busy, and a POST of ours whose first try still runs."""
    return answer.status_code in RETRIED or (
        answer.status_code == 409 and b'"idempotency_in_progress"' in answer.content
    )


def _asked_to_wait(answer: httpx.Response | httpx.TransportError) -> float | None:
    if not isinstance(answer, httpx.Response):
        return None
    return retry_after(answer.headers.get("Retry-After"), time.time())


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name.rstrip("_"): value for name, value in params.items() if value is not None}


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    if answer.status_code == 401:
        raise AuthenticationFailed("invalid_token")
    raise problem(answer.status_code, _body(answer), answer.headers.get("X-Request-Id", ""), _asked_to_wait(answer))


def _body(answer: httpx.Response) -> Mapping[str, Any]:
    """The problem document; empty for the page of a proxy."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, Mapping) else {}


def _decoded(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise Unreachable("The answer cannot be read.") from None


def _word(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError) as error:
        raise PortalError(f"The token endpoint answered {answer.status_code}.") from error
