"""The live page: read-only, of this machine alone, and what it shows in a browser."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from places import ROOT
from solvers.cam.watching import Watched
from sygus.app.cli import main
from sygus.app.live import Server
from sygus.app.live_maps import Maps
from watched_runs import edited, going, stated_in, traces

HOSTILE = "\"'><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>{{ 7*7 }}&amp;"


@contextlib.contextmanager
def served(*folders: Path) -> Iterator[Server]:
    server = Server([Watched(str(folder)) for folder in folders], 0)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(10)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def server(finished_run: Path) -> Iterator[Server]:
    before = traces(finished_run)
    with served(finished_run) as found:
        yield found
    assert traces(finished_run) == before


def ask(server: Server, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and text; of an endless answer, none."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


@contextlib.contextmanager
def listening(server: Server) -> Iterator[Iterator[list[dict[str, Any]]]]:
    """The states that are sent, as they come."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    connection.request("GET", "/events")
    answer = connection.getresponse()
    assert answer.getheader("Content-Type") == "text/event-stream; charset=utf-8"
    try:
        yield (json.loads(line.removeprefix(b"data: ")) for line in iter(answer.readline, b"") if b"data: " in line)
    finally:
        answer.close()
        connection.close()


# Who may ask, and for what


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW"])
@pytest.mark.parametrize("path", ["/", "/events", "/candidate?run=0&id=1"])
def test_nothing_but_get_is_answered(method: str, path: str, server: Server) -> None:
    status, headers, _ = ask(server, path, method)
    assert (status, headers["Allow"]) == (405, "GET")


def test_names_of_elsewhere_are_refused(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    for host in (
        "evil.example",
        f"evil.example:{server.server_port}",
        "127.0.0.1",
        f"127.0.0.1.evil:{server.server_port}",
    ):
        assert ask(server, "/", Host=host)[0] == 403
    assert ask(server, "/", Host=f"localhost:{server.server_port}")[0] == 200
    for path in ("/events", "/candidate?run=0&id=1", "/maps?run=0&id=1"):
        assert ask(server, path, Sec_Fetch_Site="cross-site")[0] == 403


def test_answers_say_what_the_browser_may_do(server: Server) -> None:
    status, headers, page = ask(server, "/")
    assert status == 200
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)"', page)
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http://" not in re.sub(r"http://www\.w3\.org/\S+", "", page)
    assert "https://" not in page
    assert ask(server, "/candidate?run=0&id=1")[1]["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    "path",
    ["/x", "/../etc/passwd", "/candidate", "/candidate?run=0", "/candidate?run=9&id=1", "/candidate?run=0&id=-1",
     "/candidate?a=1&b=2&c=3&d=4&run=0&id=1", "/maps?run=0&id=99999999", "/maps?run=²&id=1",
     "/candidate?run=0&id=" + "9" * 40],
)  # fmt: skip
def test_what_is_not_there_is_not_found(path: str, server: Server) -> None:
    status, _, text = ask(server, path.replace("²", "%C2%B2"))
    assert status == 404
    assert "Traceback" not in text


# What is told


def test_news_come_when_a_journal_changes(finished_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with going(finished_run, folder, 20) as run, served(folder) as server, listening(server) as news:
        assert next(news)[0]["proposed"] == 20
        run.write(30)
        assert next(state for (state,) in news if state["proposed"] == 50)["terms"] > 20


def test_a_damaged_journal_leaves_the_others_alone(finished_run: Path, tmp_path: Path) -> None:
    folder = edited(finished_run, tmp_path / "run")
    os.truncate(folder / "journal.sqlite", 5000)
    with served(folder, finished_run) as server, listening(server) as news:
        damaged, whole = next(news)
    assert str(folder) in damaged["error"]
    assert (whole["error"], whole["state"]) == ("", "finished")


def test_a_candidate_has_a_formula_and_maps(server: Server) -> None:
    with listening(server) as news:
        best = next(news)[0]["leaders"][0]
    status, _, formula = ask(server, f"/candidate?run=0&id={best['id']}")
    assert status == 200
    assert "<math" in formula
    assert best["term"] in formula
    status, _, maps = ask(server, f"/maps?run=0&id={best['id']}")
    assert status == 200
    assert maps.count("data:image/png") == 8
    assert "drawn now by shapes-vgg" in maps
    assert "another fingerprint" not in maps


def test_maps_are_those_of_the_pictures_and_of_the_term(server: Server) -> None:
    with listening(server) as news:
        one, other = (leader["id"] for leader in next(news)[0]["leaders"][:2])
    first, again, second = (re.findall('data:[^"]+', ask(server, f"/maps?run=0&id={n}")[2]) for n in (one, one, other))
    assert first == again
    assert first[::2] == second[::2]
    assert not set(first[1::2]) & set(second[1::2])


@pytest.mark.parametrize(
    "changes",
    [{"network": "window:hacked"}, {"network": "torchvision:resnet18"}, {"images": "/etc"}, {"target": "os:system"},
     {"network": 7}, {"layers": 7}, {"layer": "no.such"}, {"seed": "x"}],
)  # fmt: skip
def test_a_journal_chooses_no_code_and_no_files(changes: dict[str, Any], finished_run: Path, tmp_path: Path) -> None:
    settings = stated_in(finished_run)["settings"] | changes
    watched = Watched(str(edited(finished_run, tmp_path / "run", stated={"settings": settings})))
    best = watched.refresh()["leaders"][0]["id"]
    candidate = watched.candidate(best)
    assert candidate is not None

    def load(*_: Any) -> Any:
        pytest.fail("something was loaded")

    piece = (Maps() if "layer" in changes else Maps(load)).piece(watched, candidate)
    assert "data:image" not in piece
    assert re.search("Maps are|no maps", piece)


def test_an_answer_of_elsewhere_has_the_maps_of_its_gallery(finished_run: Path, tmp_path: Path) -> None:
    settings = stated_in(finished_run)["settings"] | {"network": "torchvision:resnet18"}
    folder = edited(finished_run, tmp_path / "run", stated={"settings": settings})
    for name in ("solution.json", "gallery.safetensors"):
        shutil.copy(finished_run / name, folder)
    watched = Watched(str(folder))
    state = watched.refresh()
    candidates = [watched.candidate(number) for number in (state["found"], state["leaders"][-1]["id"])]
    assert None not in candidates
    found, other = (Maps().piece(watched, one) for one in candidates if one is not None)
    assert found.count("data:image/png") == 8
    assert "from the run&#39;s gallery" in found
    assert "data:image" not in other


def test_a_term_that_is_too_long_has_no_formula(finished_run: Path, tmp_path: Path) -> None:
    deep = f"(gap {'(relu ' * 5000}gradient{')' * 5000})"
    with served(edited(finished_run, tmp_path / "run", term=deep)) as server, listening(server) as news:
        best = next(news)[0]["leaders"][0]
        assert len(best["term"]) == 2000
        for path, said in (("/candidate", "There is no formula of it"), ("/maps", "There are no maps")):
            status, _, piece = ask(server, f"{path}?run=0&id={best['id']}")
            assert (status, f"{said}: the expression has more than 4000 characters" in piece) == (200, True)


# The command


def invoke(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["watch", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stderr


def test_bad_words_are_told(tmp_path: Path, finished_run: Path) -> None:
    assert invoke(str(tmp_path / "nowhere")) == (
        2,
        f"error: RUN: there is no '{tmp_path / 'nowhere'}'; give the folder of a run, as the search prints it\n",
    )
    status, said = invoke(str(finished_run), str(tmp_path))
    assert (status, f"RUN: there is no run in '{tmp_path}'" in said) == (2, True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, said = invoke(str(finished_run), "--port", str(taken.getsockname()[1]))
    assert status == 2
    assert re.search(r"--port: another program listens to \d+; give another one, or 0", said)
    assert invoke(str(finished_run), "--port", "70000")[0] == 2
    assert invoke()[0] == 2


@pytest.mark.slow
def test_the_command_says_where_and_ends_by_an_interrupt(finished_run: Path) -> None:
    code = "import sys; from sygus.app.start import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "watch", str(finished_run), "--port", "0"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        said = re.fullmatch(r"watching 1 run: http://127\.0\.0\.1:(\d+)/ \(Ctrl-C ends\)\n", line)
        assert said, line
        connection = http.client.HTTPConnection("127.0.0.1", int(said[1]), timeout=10)
        connection.request("GET", "/events")
        assert connection.getresponse().readline() == b"event: runs\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        connection.close()
    assert (process.returncode, out, err) == (0, "", "watching no more; the runs go on\n")


# In a browser


class Shown:
    """The page in a browser with everything that it complained about, and what it asked for."""

    def __init__(self, browser: Any, server: Server, width: int = 1440, scheme: str = "light") -> None:
        self.page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._note(server, request.url))
        self.page.goto(server.address)

    def _note(self, server: Server, address: str) -> None:
        if not address.startswith((server.address, "data:")):
            self.complaints.append(f"asked for {address}")


def texts(page: Any, selector: str) -> Sequence[str]:
    found: Sequence[str] = page.locator(selector).all_text_contents()
    return found


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
def test_two_runs_stand_side_by_side_and_a_click_shows_a_formula(
    width: int, scheme: str, browser: Any, finished_run: Path, tmp_path: Path
) -> None:
    with going(finished_run, tmp_path / "second", 30) as run, served(finished_run, tmp_path / "second") as server:
        shown = Shown(browser, server, width, scheme)
        page = shown.page
        page.wait_for_selector("#run-1 .best-so-far")
        best = [Watched(str(folder)).refresh()["leaders"][0] for folder in (finished_run, tmp_path / "second")]
        assert texts(page, ".run .best-so-far .shown") == [one["term"] for one in best]
        assert texts(page, ".run .score") == [f"{one['values'][0]:.4g}" for one in best]
        assert texts(page, ".run .state") == ["finished", "running"]
        tops = [page.locator(f"#run-{n}").bounding_box()["y"] for n in (0, 1)]
        assert (tops[0] == tops[1]) is (width > 1000)
        assert page.locator("#overview path.step").count() == 2
        assert page.locator(".run path.step").count() == 2
        assert page.evaluate("document.documentElement.scrollWidth") == width
        small = "[...document.querySelectorAll('p, td, th, dd, text, figcaption, button')]"
        assert page.evaluate(f"{small}.filter(e => parseFloat(getComputedStyle(e).fontSize) < 12).length") == 0

        page.locator("#run-0 .best-so-far .shown").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("#candidate[open] .formula math")
        assert page.locator("#candidate .formula math").first.bounding_box()["width"] > 50
        assert best[0]["term"] in page.locator("#candidate pre").inner_text()
        page.locator("#candidate .pairs img").nth(7).wait_for()
        assert page.evaluate("[...document.images].filter(i => i.complete && i.naturalWidth).length") == 8
        page.keyboard.press("Escape")
        assert page.locator("#candidate[open]").count() == 0

        run.write(1 << 30)  # the second run goes on, and catches up with the first
        page.locator("#run-1 .score", has_text=texts(page, "#run-0 .score")[0]).wait_for()
        assert shown.complaints == []
        page.close()


def test_texts_of_a_journal_are_only_texts(browser: Any, finished_run: Path, tmp_path: Path) -> None:
    stated = stated_in(finished_run)
    hostile = {
        "objectives": {"ordered": True, "goals": [[HOSTILE, "min"], [HOSTILE, "min"]]},
        "settings": dict.fromkeys(stated["settings"], HOSTILE),
        "problem": {"file": HOSTILE, "sha256": HOSTILE},
    }
    attacked = edited(finished_run, tmp_path / "run<img src=x onerror=alert(1)>", stated=hostile, term=HOSTILE)
    with served(attacked) as server:
        shown = Shown(browser, server)
        page = shown.page
        page.locator("#run-0 .best-so-far .shown").click()
        page.wait_for_selector("#candidate[open] #candidate-maps .note:not(:has-text('Asking'))")
        assert page.evaluate("window.hacked") is None
        assert page.locator("body script").count() == 1
        assert page.locator("img").count() == 0
        assert page.locator("#candidate pre").inner_text() == HOSTILE
        assert "There is no formula of it" in page.locator("#candidate").inner_text()
        assert shown.complaints == []
        page.close()
