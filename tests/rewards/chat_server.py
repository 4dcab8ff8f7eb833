"""A chat server for tests on a free port of this machine: it plays a script of good and bad behaviour."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GOOD = '{"reason": "it arrives", "score": 7}'


def reply(text=GOOD, prompt_tokens=900, completion_tokens=20):
    """The bytes of a good reply of the chat API."""
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}], "usage": usage}).encode()


def send(handler, body, status=200, headers=()):
    """One complete response."""
    handler.send_response(status)
    for name, value in (("Content-Length", str(len(body))), *headers):
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def answer(text=GOOD):
    """Behave well, and say this."""
    return lambda handler: send(handler, reply(text))


def refuse(status, body=b"out of order", **headers):
    """Another status than 200."""
    return lambda handler: send(handler, body, status, [(k.replace("_", "-"), v) for k, v in headers.items()])


def garbage(body):
    """Status 200, and bytes that are no reply."""
    return lambda handler: send(handler, body)


def stall(seconds):
    """Say nothing for some seconds."""
    return lambda handler: (time.sleep(seconds), None)[1]


def drip(seconds):
    """A byte now and then, so that a time-out of the socket alone would never come."""

    def behave(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                handler.wfile.write(b" ")
                time.sleep(0.05)
        except OSError:
            return

    return behave


def reset(handler):
    """Break the connection with a reset in the middle of the response."""
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(reply()[:40])
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


class ChatServerDouble:
    """What was asked, when, with which headers; the script plays its last line for ever."""

    def __init__(self, script: list[Callable]) -> None:
        self.script, self.asked, self.times, self.headers = script, [], [], []
        self.at_once, self.most_at_once, self.lock = 0, 0, threading.Lock()
        self.url = ""

    def play(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request as the script says."""
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        with self.lock:
            behave = self.script[min(len(self.asked), len(self.script) - 1)]
            self.asked.append({"path": handler.path, **json.loads(body)})
            self.times.append(time.monotonic())
            self.headers.append(dict(handler.headers))
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            behave(handler)
        finally:
            with self.lock:
                self.at_once -= 1


@contextmanager
def chat_server(*script: Callable) -> Iterator[ChatServerDouble]:
    """`with chat_server(refuse(503), answer()) as server:` serves at server.url."""
    double = ChatServerDouble(list(script))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            double.play(self)

        def log_message(self, *arguments):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *arguments: None  # broken connections are part of the play
    double.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
