"""Asking a model behind an OpenAI-compatible server (vLLM, SGLang, ...), with what can go wrong on the way.

Refused connections, resets, time-outs, busy servers (408, 409, 425, 429, 5xx) and answers that cannot be understood are
tried again after a pause that doubles; a Retry-After header makes it longer. What is left after the last try, and what
no repetition can repair (a wrong key, an unknown model), is a RewardServerError that names URL and reason. The key
comes from an environment variable; it is sent, and neither printed, saved nor part of any error.
"""

import email.utils
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.message import Message
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

from wan_r1.errors import ConfigError, RewardServerError

__all__ = ["Answer", "ChatServer", "retry_after"]

URL_VARIABLE = "WAN_R1_VLM_URL"
MODEL_VARIABLE = "WAN_R1_VLM_MODEL"
PATH = "/chat/completions"
MAX_ANSWER_BYTES = 1 << 20
"""More than that is no answer to a question for a score."""
PASSING = (408, 409, 425, 429)
"""Status codes below 500 that ask to come back later."""
MAX_REASON = 300
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What was understood of the reply, its text, what it cost, and how it came about."""

    value: float
    text: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    tries: int


class _FailureError(Exception):
    """One try went wrong: why, whether another may help, and how long the server asks to wait."""

    def __init__(self, reason: str, *, passing: bool = True, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.passing, self.wait_s = passing, wait_s


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatServer:
    """Where the model is, and how patient to be with it."""

    base_url: str | None = None
    """Up to and with /v1, for example http://localhost:8000/v1; none takes it from WAN_R1_VLM_URL."""
    model: str | None = None
    """Name of the model at the server; none takes it from WAN_R1_VLM_MODEL."""
    key_variable: str = "WAN_R1_VLM_KEY"
    """Environment variable that holds the key. If it is not set, no key is sent."""
    timeout_s: float = 120.0
    """Seconds for one try, from the first byte sent to the last byte read."""
    tries: int = 5
    """How often a question is asked before giving up."""
    backoff_s: float = 1.0
    """Pause after the first failure; it doubles with each further one."""
    max_wait_s: float = 60.0
    """The longest pause; a server that asks for more is given up at once."""

    def __post_init__(self) -> None:
        if self.base_url is not None:
            _check_url(self.base_url)
        if not VARIABLE_NAME.match(self.key_variable):
            raise ConfigError(
                "key_variable: not the name of an environment variable; keys themselves stay out of recipes"
            )
        if self.tries < 1 or self.timeout_s <= 0 or min(self.backoff_s, self.max_wait_s) < 0:
            raise ConfigError(
                f"tries = {self.tries}, timeout_s = {self.timeout_s}, backoff_s = {self.backoff_s}, max_wait_s = "
                f"{self.max_wait_s}: tries must be at least 1, timeout_s above 0, the pauses not negative"
            )

    @property
    def url(self) -> str:
        """The address that questions go to. ConfigError if none is set."""
        base = self.base_url or os.environ.get(URL_VARIABLE)
        if not base:
            raise ConfigError(
                f"no server is named: set base_url (reward.server.base_url in a recipe) or {URL_VARIABLE}, for example "
                "http://localhost:8000/v1; docs/rewards.md says how to start one"
            )
        _check_url(base)
        return base.rstrip("/") + PATH

    @property
    def model_name(self) -> str:
        """The model that is asked. ConfigError if none is set."""
        name = self.model or os.environ.get(MODEL_VARIABLE)
        if not name:
            raise ConfigError(
                f"no model is named: set model (reward.server.model in a recipe) or {MODEL_VARIABLE}, for example "
                "Qwen/Qwen2.5-VL-7B-Instruct"
            )
        return name

    def ask(self, question: Mapping[str, Any], understand: Callable[[str], float]) -> Answer:
        """The answer to a question (messages and options of the chat API); `understand` reads its text, or raises
        ValueError if it is not what was asked for."""
        url, key = self.url, self._key()
        body = json.dumps({"model": self.model_name, **question}).encode()
        began, number = time.monotonic(), 0
        while True:
            number += 1
            try:
                answer = _try(url, body, key, self.timeout_s, understand)
                return replace(answer, seconds=time.monotonic() - began, tries=number)
            except _FailureError as failure:
                reason, pause = str(failure).replace(key or "\0", "(key)"), self._pause(failure, number)
                if pause is None:
                    raise RewardServerError(
                        f"{url}: no score after {number} of {self.tries} tries and {time.monotonic() - began:.1f} s; "
                        f"the last: {reason}"
                    ) from None
            time.sleep(pause)

    def _pause(self, failure: _FailureError, number: int) -> float | None:
        """Seconds until the next try; None if there is none."""
        if not failure.passing or number >= self.tries or failure.wait_s > self.max_wait_s:
            return None
        return max(failure.wait_s, min(self.max_wait_s, self.backoff_s * 2.0 ** (number - 1)))

    def _key(self) -> str | None:
        key = os.environ.get(self.key_variable, "").strip()
        if key and not (key.isascii() and key.isprintable()):
            raise ConfigError(f"{self.key_variable}: the key in it holds characters that cannot be sent")
        return key or None


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
        named = bool(named and parts.path.isascii() and (parts.hostname or "").encode("idna"))
    except ValueError:
        named = False
    # A URL is named in errors and saved with the recipe, so nothing secret may be in it.
    if not named or "%" in url or "@" in url or "?" in url or "#" in url or not url.isprintable() or " " in url:
        raise ConfigError(
            "base_url: must be http://HOST[:PORT]/... or https://..., without user, password, query or fragment; "
            "a key belongs into the environment"
        )


def _try(url: str, body: bytes, key: str | None, timeout_s: float, understand: Callable[[str], float]) -> Answer:
    status, headers, data = _post(url, body, key, timeout_s)
    if status != 200:
        passing = status >= 500 or status in PASSING
        text = " ".join(_masked(data.decode("utf-8", "replace"), key).split())
        wait_s = retry_after(headers.get("Retry-After"), datetime.now(UTC))
        asked = f", asks to wait {wait_s:g} s" if wait_s else ""
        raise _FailureError(f"HTTP {status}{asked}: {text[:MAX_REASON]}", passing=passing, wait_s=wait_s)
    text, prompt_tokens, completion_tokens = _content(data, key)
    # What is understood is the text as it came: a short key, such as "0", may be part of any healthy answer.
    shown = _masked(text, key)
    try:
        value = understand(text)
    except ValueError as error:
        reason = _masked(str(error), key)
        raise _FailureError(f"the model gave no score ({reason}): {shown[:MAX_REASON]!r}") from None
    return Answer(
        value=value, text=shown, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, seconds=0.0, tries=0
    )


def _masked(text: str, key: str | None) -> str:
    """Text to show or keep, without the key, as it is or as JSON and URLs write it.

    Mask first and cut off afterwards, or the head of the key could stay.
    """
    if not key:
        return text
    escaped = json.dumps(key)[1:-1]
    for form in (key, escaped, escaped.replace("/", "\\/"), quote(key, safe=""), quote(key), quote_plus(key)):
        text = text.replace(form, "(key)")
    return text


def _post(url: str, body: bytes, key: str | None, timeout_s: float) -> tuple[int, Message, bytes]:
    """Status, headers and body of the reply, all within `timeout_s` seconds after the connection is made."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
    headers = {"Content-Type": "application/json", "Connection": "close"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    late = threading.Event()
    try:
        connection.connect()
        with _deadline(connection.sock, timeout_s, late):
            connection.request("POST", parts.path, body, headers)
            with connection.getresponse() as response:
                data = response.read(MAX_ANSWER_BYTES + 1)
    except (OSError, HTTPException) as error:
        if not late.is_set() and not isinstance(error, TimeoutError):
            raise _FailureError(f"{type(error).__name__}: {error}") from None
        late.set()
    finally:
        connection.close()
    if late.is_set():
        raise _FailureError(f"time-out after {timeout_s:g} s")
    return response.status, response.headers, data


@contextmanager
def _deadline(wire: socket.socket, seconds: float, late: threading.Event) -> Iterator[None]:
    """Shut a connection after some seconds, whatever it is doing: a time-out of the socket starts anew with each byte,
    so a server that drips could hold us for ever."""

    def shut() -> None:
        late.set()
        with suppress(OSError):  # the exchange has just ended
            wire.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, shut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _content(data: bytes, key: str | None) -> tuple[str, int, int]:
    """Text, prompt tokens and completion tokens of a reply of the chat API."""
    shown = repr(_masked(data.decode("latin-1"), key).encode("latin-1")[:80])
    if len(data) > MAX_ANSWER_BYTES:
        raise _FailureError(f"the reply is longer than {MAX_ANSWER_BYTES} bytes: {shown}")
    try:
        reply = json.loads(data)
        text = reply["choices"][0]["message"]["content"]
        usage = reply.get("usage") or {}
        tokens = [int(usage.get(name) or 0) for name in ("prompt_tokens", "completion_tokens")]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, RecursionError):
        raise _FailureError(f"the reply is not one of the chat API: {shown}") from None
    if not isinstance(text, str):
        raise _FailureError(f"the reply holds no text: {shown}")
    return text, tokens[0], tokens[1]


def retry_after(header: str | None, now: datetime) -> float:
    """Seconds that a Retry-After header asks to wait, given as a number or a date (RFC 9110); 0 if it says neither."""
    if header is None:
        return 0.0
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", header.strip()):
        return float(header)
    try:
        then = email.utils.parsedate_to_datetime(header)
        return max(0.0, (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp() - now.timestamp())
    except (ValueError, OverflowError):
        return 0.0
