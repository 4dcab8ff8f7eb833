"""Asking a chat server: what it says, what goes wrong on the way, and that the key stays where it is."""

import os
import pickle
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from chat_server import answer, chat_server, drip, garbage, refuse, reply, reset, stall

from wan_r1.errors import ConfigError, RewardServerError
from wan_r1.rewards.chat import ChatServer, retry_after
from wan_r1.rewards.vlm import read_score

FAR = "Wed, 21 Oct 2026 07:28:00 +99999999999999999"
KEY = "sk-very-secret-0123456789"
QUESTION = {"messages": [{"role": "user", "content": "how good?"}]}


def ask(server, **settings):
    settings = {"timeout_s": 5.0, "tries": 3, "backoff_s": 0.02, **settings}
    return ChatServer(base_url=server.url, model="judge", **settings).ask(QUESTION, read_score)


def test_a_good_answer_is_read_with_its_tokens() -> None:
    with chat_server(answer()) as server:
        got = ask(server)
    assert (got.value, got.tries, got.prompt_tokens, got.completion_tokens) == (0.7, 1, 900, 20)
    assert server.asked == [{"path": "/v1/chat/completions", "model": "judge", **QUESTION}]
    assert 0 < got.seconds < 5


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(refuse(503), id="503"),
        pytest.param(refuse(500), id="500"),
        pytest.param(refuse(408), id="408"),
        pytest.param(refuse(429, Retry_After="0"), id="429"),
        pytest.param(garbage(b"<html>gateway</html>"), id="garbage"),
        pytest.param(garbage(b"\xff\x00\x80"), id="no text"),
        pytest.param(garbage(reply()[:60]), id="partial JSON"),
        pytest.param(garbage(b"{}"), id="another JSON"),
        pytest.param(garbage(b"[" * 100_000), id="deep JSON"),
        pytest.param(garbage(b"x" * 2_000_000), id="endless"),
        pytest.param(garbage(b""), id="nothing"),
        pytest.param(answer("I cannot judge this."), id="no score"),
        pytest.param(answer('{"reason": "too much", "score": 11}'), id="wrong score"),
        pytest.param(answer('{"reason": "cut o'), id="cut off"),
        pytest.param(answer(None), id="null"),
        pytest.param(reset, id="reset"),
    ],
)
def test_after_a_fault_the_question_is_asked_again(fault) -> None:
    with chat_server(fault, answer()) as server:
        got = ask(server)
    assert (got.value, got.tries, len(server.asked)) == (0.7, 2, 2)


@pytest.mark.parametrize("fault", [stall(1.5), drip(3.0)], ids=["stall", "drip"])
def test_a_server_that_stalls_or_drips_is_left_at_the_time_out(fault) -> None:
    began = time.monotonic()
    with chat_server(fault, answer()) as server:
        got = ask(server, timeout_s=0.4)
        assert got.tries == 2
        assert time.monotonic() - began < 1.4


def test_what_is_left_after_the_tries_is_an_error_with_url_and_reason() -> None:
    with chat_server(refuse(503, b"model is loading")) as server, pytest.raises(RewardServerError) as caught:
        ask(server)
    assert f"{server.url}/chat/completions: no score after 3 of 3 tries" in str(caught.value)
    assert "HTTP 503: model is loading" in str(caught.value)
    assert len(server.asked) == 3
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (stall(0.5), "time-out after 0.1 s"),
        (drip(0.5), "time-out after 0.1 s"),
        (garbage(b"hello"), "the reply is not one of the chat API: b'hello'"),
        (garbage(reply()[:60]), "the reply is not one of the chat API"),
        (answer("no idea"), "the model gave no score"),
    ],
    ids=["stall", "drip", "garbage", "partial", "no score"],
)
def test_the_error_names_the_last_reason(fault, reason) -> None:
    with chat_server(fault) as server, pytest.raises(RewardServerError) as caught:
        ask(server, tries=2, timeout_s=0.1)
    assert reason in str(caught.value)


def test_a_reset_and_a_closed_port_are_named_too() -> None:
    with chat_server(reset) as server:
        with pytest.raises(RewardServerError, match=r"(ConnectionResetError|IncompleteRead|not one of the chat API)"):
            ask(server, tries=2)
        url = server.url
    with pytest.raises(RewardServerError, match=r"after 2 of 2 tries .* ConnectionRefusedError"):
        ChatServer(base_url=url, model="judge", tries=2, backoff_s=0.01).ask(QUESTION, read_score)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 422])
def test_what_no_repetition_repairs_is_not_repeated(status) -> None:
    with chat_server(refuse(status, b"no such model")) as server, pytest.raises(RewardServerError) as caught:
        ask(server)
    assert "after 1 of 3 tries" in str(caught.value)
    assert f"HTTP {status}: no such model" in str(caught.value)


def test_pauses_double_and_retry_after_is_respected() -> None:
    with chat_server(refuse(503), refuse(503), answer()) as server:
        ask(server, backoff_s=0.1)
    first, second = (b - a for a, b in zip(server.times, server.times[1:], strict=False))
    assert first >= 0.1
    assert second >= 0.2
    with chat_server(refuse(429, Retry_After="1"), answer()) as server:
        assert ask(server, backoff_s=0.01).tries == 2
    assert server.times[1] - server.times[0] >= 1.0


def test_a_server_that_asks_for_too_long_a_pause_is_given_up_at_once() -> None:
    gone = pytest.raises(RewardServerError, match=r"1 of 3 tries .* asks to wait 3600 s")
    with chat_server(refuse(429, Retry_After="3600")) as server, gone:
        ask(server, max_wait_s=2.0)
    assert len(server.asked) == 1


def test_retry_after_is_read_as_seconds_or_as_a_date() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert retry_after("7", now) == 7
    assert retry_after(format_datetime(now + timedelta(seconds=90), usegmt=True), now) == 90
    assert retry_after(format_datetime(now - timedelta(seconds=90), usegmt=True), now) == 0
    assert [retry_after(text, now) for text in (None, "", "soon", "-3", "nan", "9" * 400, FAR)] == [0] * 7


def test_the_key_is_sent_and_shows_nowhere(monkeypatch) -> None:
    monkeypatch.setenv("WAN_R1_VLM_KEY", f" {KEY}\n")
    echo = f"wrong key {KEY}".encode()
    for fault in (refuse(401, echo), refuse(503, echo), refuse(503, b"x" * 290 + echo), garbage(echo), answer(KEY)):
        with chat_server(fault) as server, pytest.raises(RewardServerError) as caught:
            ask(server)
        assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
        assert "sk-" not in str(caught.value)
        assert KEY not in repr(str(caught.getrepr(style="short")))
    server = ChatServer(base_url="http://localhost/v1", model="judge")
    assert KEY.encode() not in pickle.dumps(server)
    assert KEY not in repr(server)


def test_a_key_that_comes_back_escaped_shows_nowhere(monkeypatch) -> None:
    key = "sk-secret/ABC+def"
    monkeypatch.setenv("WAN_R1_VLM_KEY", key)
    escaped = key.replace("/", "\\/")
    for fault in (refuse(401, escaped.encode()), refuse(401, b"sk-secret%2FABC%2Bdef")):
        with chat_server(fault) as server, pytest.raises(RewardServerError) as caught:
            ask(server)
        assert "ABC" not in str(caught.value)
    said = reply("7").replace(b'"7"', f'"score: 7 {escaped}"'.encode())
    with chat_server(garbage(said)) as server:
        found = ChatServer(base_url=server.url, model="judge").ask(QUESTION, lambda text: 7.0)
    assert "ABC" not in found.text
    assert "(key)" in found.text


def test_without_a_key_none_is_sent(monkeypatch) -> None:
    monkeypatch.delenv("WAN_R1_VLM_KEY", raising=False)
    with chat_server(answer()) as server:
        ask(server)
    assert "Authorization" not in server.headers[0]


def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(monkeypatch) -> None:
    monkeypatch.setenv("WAN_R1_VLM_KEY", KEY + "\r\nX-Other: 1")
    with chat_server(answer()) as server, pytest.raises(ConfigError) as caught:
        ask(server)
    assert "WAN_R1_VLM_KEY" in str(caught.value)
    assert KEY not in str(caught.value)


def test_address_and_model_come_from_the_environment_if_the_recipe_names_none(monkeypatch) -> None:
    for name in [name for name in os.environ if name.startswith("WAN_R1_VLM")]:
        monkeypatch.delenv(name)
    with pytest.raises(ConfigError, match=r"base_url .* WAN_R1_VLM_URL"):
        _ = ChatServer().url
    with pytest.raises(ConfigError, match=r"model .* WAN_R1_VLM_MODEL"):
        _ = ChatServer().model_name
    monkeypatch.setenv("WAN_R1_VLM_URL", "https://host/v1/")
    monkeypatch.setenv("WAN_R1_VLM_MODEL", "some/model")
    assert ChatServer().url == "https://host/v1/chat/completions"
    assert ChatServer().model_name == "some/model"


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": f"http://user:{KEY}@host/v1"},
        {"base_url": f"http://host/v1?key={KEY}"},
        {"base_url": "localhost:8000/v1"},
        {"base_url": "ftp://host/v1"},
        {"base_url": "http://host:99999999/v1"},
        {"base_url": "http://host/v1\r\nX: 1"},
        {"base_url": "http://a..b/v1"},
        {"base_url": f"http://{'a' * 70}/v1"},
        {"base_url": "http://host/\u00fc/v1"},
        {"key_variable": KEY},
        {"tries": 0},
        {"timeout_s": 0.0},
        {"backoff_s": -1.0},
    ],
    ids=str,
)
def test_wrong_settings_are_refused_and_secrets_in_them_not_repeated(settings) -> None:
    with pytest.raises(ConfigError) as caught:
        ChatServer(**settings)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", ["null", "1", "token", "0", "choices", "score", '"'])
def test_a_key_that_is_part_of_a_healthy_reply_changes_nothing_that_is_read(monkeypatch, key) -> None:
    monkeypatch.setenv("WAN_R1_VLM_KEY", key)
    with chat_server(answer('{"reason": null, "score": 10}')) as server:
        got = ask(server)
    assert (got.value, got.tries, got.prompt_tokens, got.completion_tokens) == (1.0, 1, 900, 20)
    assert key not in got.text


def test_a_key_in_a_reply_that_is_cut_off_or_not_understood_shows_nowhere(monkeypatch) -> None:
    monkeypatch.setenv("WAN_R1_VLM_KEY", KEY)

    def complain(text):
        raise ValueError(f"cannot read {text}")

    for fault in (garbage(b"x" * 70 + KEY.encode()), answer("x" * 290 + KEY)):
        with chat_server(fault) as server, pytest.raises(RewardServerError) as caught:
            ChatServer(base_url=server.url, model="judge", tries=1).ask(QUESTION, complain)
        assert "sk-" not in str(caught.value)


def test_a_count_of_tokens_without_end_is_no_reply_of_the_chat_api() -> None:
    endless = reply().replace(b"900", b"1e999")
    with chat_server(garbage(endless)) as server, pytest.raises(RewardServerError, match="not one of the chat API"):
        ask(server, tries=1)
