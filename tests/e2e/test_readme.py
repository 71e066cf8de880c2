"""Every command, query and program in the README, in its order, as a stranger with a fresh checkout would."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from minference_core.providers import PROVIDERS
from minference_core.store import connect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # a busy machine takes five minutes

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(sh|python|sql)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)

# `make test` is what runs this, so there it is only looked at; and `.venv` belongs to the real checkout.
MAKE = """#!/bin/sh
test "$1" = test && exec /usr/bin/make -n -o .venv/installed test
exec /usr/bin/make -o .venv/installed "$@"
"""


@dataclass
class Checkout:
    """A copy of what git holds, with the commands of this environment and nobody's settings."""

    folder: Path
    env: dict[str, str]

    def sh(self, script: str, **more: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder, env={**self.env, **more}, text=True, capture_output=True, timeout=240,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    folder = tmp_path / "minference"
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, text=True, capture_output=True, check=True)
    for name in filter(lambda name: (ROOT / name).exists(), tracked.stdout.splitlines()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(BIN.parent)
    shims = tmp_path / "bin"
    shims.mkdir()
    (shims / "make").write_text(MAKE)
    (shims / "make").chmod(0o755)
    ours = {name for entry in PROVIDERS.values() for name in (*entry.key_variables, entry.url_variable)}
    ours |= {"MINFERENCE_DATA", "MINFERENCE_SIMULATOR", "DAGSTER_HOME"}
    env = {name: value for name, value in os.environ.items() if name not in ours}
    # The package is this environment's, installed from the real checkout; a path comes before that.
    return Checkout(folder, {**env, "PATH": f"{shims}:{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(folder)})


def providers_at(url: str) -> dict[str, str]:
    """A simulator in the place of all real providers."""
    keys = {entry.key_variables[0]: "sk-test" for entry in PROVIDERS.values()}
    return keys | {entry.url_variable: f"{url}/{client}" for client, entry in PROVIDERS.items()}


def look_at_the_ui(checkout: Checkout) -> None:
    """`make ui` answers on its port and ends when it is told to."""
    running = subprocess.Popen(["make", "ui"], cwd=checkout.folder, env=checkout.env, start_new_session=True)
    try:
        for _ in range(90):
            try:
                with urllib.request.urlopen("http://127.0.0.1:3000/server_info", timeout=5) as answer:
                    assert b"dagster_webserver_version" in answer.read()
                    break
            except OSError:
                assert running.poll() is None
                time.sleep(1)
        else:
            pytest.fail("nobody answered on port 3000")
    finally:
        os.killpg(running.pid, signal.SIGINT)
        running.wait(timeout=90)


def test_everything_the_readme_says_to_type_works(checkout: Checkout, simulator: Callable[..., str]) -> None:
    real = providers_at(simulator())
    said = {}
    for kind, block in BLOCKS:
        if kind == "python":
            subprocess.run([sys.executable, "-c", block], cwd=checkout.folder, env=checkout.env, check=True)
        elif kind == "sql":
            with connect(checkout.folder / "data" / "minference.duckdb") as store:
                assert store.execute(block).fetchall(), block
        elif block == "make ui\n":
            look_at_the_ui(checkout)
        else:
            said[block] = checkout.sh(block, **(real if "sk-your-key" in block else {}))

    assert "422 of them complete" in said["make run\nmake test\n"]
    assert "pytest" in said["make run\nmake test\n"]
    assert "3 of them complete" in said["minference plan greetings\nminference run greetings\n"]
    assert "Nothing was sent: every answer was there already." in checkout.sh("make run")
    assert not (checkout.folder / ".env").exists()


def test_every_link_in_the_documents_leads_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
