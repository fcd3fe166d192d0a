"""A server of one page, for the browser on this machine: runs as they stand. It reads, and nothing else."""

from __future__ import annotations

import errno
import json
import socketserver
import sys
import threading
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from solvers.cam.watching import Candidate, Watched, shown
from sygus.app.live_maps import Maps, term_of
from sygus.errors import OptionError, SycamError
from sygus.export.live import candidate_piece, live_page

HOST = "127.0.0.1"
"""The only address that is listened to."""

HTTP_PORT = 80
"""The port that addresses leave out."""

NAMES = (HOST, "localhost")
"""How a browser on this machine calls the server; a page of elsewhere that makes its own name lead here does not."""

EVERY = 1.0
"""Seconds between two looks at the journals."""

AT_LEAST = 5
"""Looks after which the page of a run that goes is told the time and the rate, though its journal has not changed."""

ALIVE = 15.0
"""Seconds after which a connection without news is written to, so that one that is gone is noticed."""

MOST_LISTENERS = 32
"""Pages that are kept up to date at once."""

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_MOVING = ("seconds", "rate", "budget")


class Watch:
    """The runs, looked at again and again by one thread for however many pages.

    Args:
        runs: in the order of the page.
    """

    def __init__(self, runs: Sequence[Watched]) -> None:
        self.runs = runs
        self.version = 0
        self.text = "[]"
        self._key = ""
        self._news = threading.Condition()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)

    def start(self) -> None:
        """Look for the first time, then begin to look on."""
        self._look(0)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        with self._news:
            self._news.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def is_over(self) -> bool:
        """Whether it was stopped."""
        return self._over.is_set()

    def after(self, version: int, seconds: float) -> tuple[int, str]:
        """Wait for news, at most for some time: their number, and how all runs stand, as JSON."""
        with self._news:
            self._news.wait_for(lambda: self.version > version or self.is_over, seconds)
            return self.version, self.text

    def _look_on(self) -> None:
        looks = 0
        while not self._over.wait(EVERY):
            looks += 1
            self._look(looks)

    def _look(self, looks: int) -> None:
        states = [_state(run) for run in self.runs]
        going = any(state.get("state") == "running" for state in states)
        settled = [{name: value for name, value in state.items() if name not in _MOVING} for state in states]
        key = json.dumps(settled, allow_nan=False)
        if self.version and key == self._key and not (going and looks % AT_LEAST == 0):
            return
        self._key = key
        with self._news:
            self.version, self.text = self.version + 1, json.dumps(states, allow_nan=False)
            self._news.notify_all()


def _state(run: Watched) -> dict[str, Any]:
    """How a run stands; what goes wrong with one is no matter to the others."""
    try:
        state = run.refresh()
        json.dumps(state, allow_nan=False)
    except Exception as error:  # what others wrote may break anything
        return {"name": run.name, "error": f"what it holds cannot be shown: {type(error).__name__}"}
    return state


class Server(ThreadingHTTPServer):
    """Answers browsers on this machine; see :class:`_Handler` for what.

    Args:
        runs: what is watched.
        port: where; 0 for one that is free.

    Attributes:
        address: of the page.

    Raises:
        OptionError: the port is not to be had.
    """

    daemon_threads = True

    def __init__(self, runs: Sequence[Watched], port: int) -> None:
        self.watch = Watch(runs)
        self.maps = Maps()
        self.page = live_page([run.name for run in runs])
        self.listeners = threading.BoundedSemaphore(MOST_LISTENERS)
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                reason = f"--port: another program listens to {port}"
            else:
                reason = f"--port: cannot listen to {port} ({error.strerror})"
            raise OptionError(reason, "give another one, or 0 for one that is free") from None
        self.names = {f"{name}:{self.server_port}" for name in NAMES}
        if self.server_port == HTTP_PORT:
            self.names |= set(NAMES)  # which clients leave out
        self.address = f"http://{HOST}:{self.server_port}/"

    def server_bind(self) -> None:
        """Bind, without asking anybody for this machine's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, int(self.server_address[1])

    def serve(self) -> None:
        """Answer until a KeyboardInterrupt, or until :meth:`shutdown` is called from elsewhere."""
        self.watch.start()
        try:
            self.serve_forever(poll_interval=0.2)
        finally:
            self.watch.stop()
            self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that leaves in the middle of an answer is no error."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """``/``, the page; ``/events``, how the runs stand, again whenever that changes; ``/candidate`` and ``/maps``."""

    server: Server
    timeout = 30
    server_version = "sycam-sygus"
    sys_version = ""

    def __getattr__(self, name: str) -> Any:
        """Every method but GET is refused, also those that nobody has heard of."""
        if name.startswith("do_"):
            return self._refuse
        raise AttributeError(name)

    def do_GET(self) -> None:
        """Answer."""
        if self.headers.get("Host") not in self.server.names:
            self._say(HTTPStatus.FORBIDDEN, f"Open {self.server.address} in a browser on this machine.")
            return
        asked = urlsplit(self.path)
        if asked.path == "/":
            self._answer(HTTPStatus.OK, self.server.page, "text/html", None)
        elif self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            self._say(HTTPStatus.FORBIDDEN, "Only this server's own page may ask.")
        elif asked.path == "/events":
            self._tell()
        elif asked.path in ("/candidate", "/maps"):
            self._piece(asked.path, asked.query)
        else:
            self._say(HTTPStatus.NOT_FOUND, "There is no such page.")

    def _refuse(self) -> None:
        self._say(HTTPStatus.METHOD_NOT_ALLOWED, "Nothing can be changed here.", {"Allow": "GET"})

    def _piece(self, path: str, query: str) -> None:
        """What is asked about a candidate."""
        try:
            run, candidate = self._candidate(query)
        except SycamError as error:
            self._say(HTTPStatus.NOT_FOUND, shown(str(error)))
            return
        if path == "/maps":
            self._answer(HTTPStatus.OK, self.server.maps.piece(run, candidate), "text/html", _NOTHING)
            return
        try:
            piece = candidate_piece(shown(candidate.term), term_of(candidate))
        except SycamError as error:
            piece = candidate_piece(shown(candidate.term), None, shown(str(error)))
        self._answer(HTTPStatus.OK, piece, "text/html", _NOTHING)

    def _candidate(self, query: str) -> tuple[Watched, Candidate]:
        """The run and the candidate that a query names.

        Raises:
            SycamError: there is no such.
        """
        try:
            fields = parse_qs(query, max_num_fields=4)
        except ValueError:
            raise SycamError("There is no such candidate.") from None
        numbers = [fields.get(name, [""])[0] for name in ("run", "id")]
        if not all(text.isascii() and text.isdecimal() and len(text) < 19 for text in numbers):
            raise SycamError("There is no such candidate.")
        place, number = map(int, numbers)
        runs = self.server.watch.runs
        candidate = runs[place].candidate(number) if place < len(runs) else None
        if candidate is None:
            raise SycamError("There is no such candidate.")
        return runs[place], candidate

    def _tell(self) -> None:
        """Server-sent events, until the browser leaves or the server ends."""
        if not self.server.listeners.acquire(blocking=False):
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, f"{MOST_LISTENERS} pages are open already.")
            return
        try:
            self._head(HTTPStatus.OK, "text/event-stream", _NOTHING)
            version = 0
            watch = self.server.watch
            while not watch.is_over:
                known, text = watch.after(version, ALIVE)
                self.wfile.write((f"event: runs\ndata: {text}\n\n" if known > version else ": alive\n\n").encode())
                self.wfile.flush()
                version = known
        except (ConnectionError, TimeoutError):
            pass  # the page was closed
        finally:
            self.server.listeners.release()

    def _say(self, status: HTTPStatus, text: str, further: dict[str, str] | None = None) -> None:
        self._answer(status, f"{text}\n", "text/plain", _NOTHING, further)

    def _answer(
        self, status: HTTPStatus, text: str, kind: str, policy: str | None, further: dict[str, str] | None = None
    ) -> None:
        content = text.encode("utf-8", "replace")
        self._head(status, kind, policy, {"Content-Length": str(len(content))} | (further or {}))
        if self.command != "HEAD":
            self.wfile.write(content)

    def _head(self, status: HTTPStatus, kind: str, policy: str | None, further: dict[str, str] | None = None) -> None:
        """The head of an answer; the page itself states its policy, but for what only a header can say."""
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Security-Policy", policy or _NOTHING.partition("; ")[2])
        for name, value in (_HEADERS | (further or {})).items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing: the terminal is for errors."""
