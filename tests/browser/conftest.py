"""The demo's notebook, opened in marimo by ``workbench edit`` and shown in Chromium."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.warm import Server, forked

ROOT = Path(__file__).parents[2]
NOTEBOOK = "notebooks/departure_delays.py"
# What keeps Chromium small, and from calling home.
SWITCHES = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-quic --no-first-run "
    "--disable-component-update --disable-sync"
)


@dataclass(frozen=True)
class Demo:
    """A workspace with the demo's data, a sandbox, and the first version of both outputs live."""

    root: Path
    server: Server

    def run(self, *arguments: str, code: int = 0) -> str:
        """Type a command; what it printed."""
        with forked(self.server):
            done = subprocess.run(
                [sys.executable, "-m", "workbench", *arguments],
                cwd=self.root,
                env={**os.environ, "PYTHONPATH": str(ROOT), "WORKBENCH_USER": "ada@example.org", "NO_COLOR": "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    @property
    def notebook(self) -> Path:
        return self.root / NOTEBOOK


@pytest.fixture(scope="session")
def published(warm_server: Server) -> Iterator[Demo]:
    """The demo after its first publication; in the repository, because browsers keep out of the system's temporary folder."""
    from workbench.cli.story import asset

    place = ROOT / ".browser"
    place.mkdir(exist_ok=True)
    demo = Demo(Path(mkdtemp(dir=place)), warm_server)
    demo.run("init")
    with (demo.root / "pyproject.toml").open("a", encoding="utf-8") as stream:
        stream.write(asset("sources.toml") + "\n[tool.workbench.approval]\nself_approval = true\n")
    demo.run("demo", "--data-only", ".")
    demo.run("sandbox", "create", "--sample", "2%", "--seed", "7")
    demo.notebook.write_text(asset("first.py.txt"), encoding="utf-8")
    demo.run("promote", NOTEBOOK, "--why", "first version", code=3)
    demo.run("approve", "P-1")
    demo.run("publish", "P-1")
    yield demo
    shutil.rmtree(demo.root)


@pytest.fixture(scope="module")
def demo(published: Demo) -> Demo:
    """The demo with the corrected notebook, as it is in the repository."""
    shutil.copy(ROOT / NOTEBOOK, published.notebook)
    return published


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser. Not kept for longer: while Playwright lives, no other test of the process can start an event loop."""
    found = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail("the browser tests need Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=SWITCHES.split())
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page(demo: Demo, chromium: Browser) -> Iterator[Page]:
    """The notebook in marimo, when its cards are there; one for all tests of a file, which say what they start from."""
    with opened(demo, NOTEBOOK, chromium) as page:
        page.locator(".wb-card").nth(1).wait_for(timeout=90_000)
        yield page


@pytest.fixture(scope="module")
def gallery(published: Demo, chromium: Browser) -> Iterator[Page]:
    """A notebook with a widget of each kind, with what goes wrong, and with hostile texts."""
    shutil.copy(Path(__file__).parent / "gallery.py", published.root / "notebooks" / "gallery.py")
    with opened(published, "notebooks/gallery.py", chromium) as page:
        page.locator(".wb-card").nth(3).wait_for(timeout=90_000)
        yield page


@contextmanager
def opened(demo: Demo, notebook: str, chromium: Browser) -> Iterator[Page]:
    """A notebook in marimo, started by ``workbench edit``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "workbench", "edit", notebook, "--headless", "--no-token", "--port", str(port)]
    null = subprocess.DEVNULL
    server = subprocess.Popen(
        command, cwd=demo.root, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=null, stdout=null, stderr=null
    )
    try:
        _wait(f"http://127.0.0.1:{port}/health", server)
        with chromium.new_context(viewport={"width": 1300, "height": 1100}) as context:
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{port}/")
            yield page
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, "workbench edit ended"
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("marimo does not answer")
