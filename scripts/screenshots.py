"""
The pictures in the README: the asset graph and one asset's page, from a real headless browser.

Runs the sample data against the simulator in a throw-away folder, starts the UI on it, and takes the
pictures with Chromium (Debian: `apt-get install chromium fonts-dejavu-core`).

    .venv/bin/python scripts/screenshots.py
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
MINFERENCE = Path(sys.executable).with_name("minference")
DATASET, DAY = "support_replies", "2026-11-18"

PAGES = {
    "asset-graph.png": f"locations/__repository__@minference_assets/asset-groups/{DATASET}/lineage",
    "asset-metadata.png": f"assets/{DATASET}/requests?view=partitions&partition={DAY}",
}


def main() -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no Chromium found: install Debian's packages chromium and fonts-dejavu-core")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        env = _prepared(Path(folder))
        subprocess.run([MINFERENCE, "run"], cwd=ROOT, env=env, check=True)
        port = _free_port()
        ui = subprocess.Popen([MINFERENCE, "ui", "--port", str(port)], cwd=ROOT, env=env)
        try:
            _wait_for(f"http://127.0.0.1:{port}/server_info")
            for name, page in PAGES.items():
                _shoot(browser, f"http://127.0.0.1:{port}/{page}", IMAGES / name)
        finally:
            ui.send_signal(signal.SIGTERM)
            ui.wait()


def _prepared(folder: Path) -> dict[str, str]:
    """An environment with the sample data and nothing of this checkout's own runs."""
    shutil.copytree(ROOT / "data" / "thread_specs", folder / "data" / "thread_specs")
    return {**os.environ, "MINFERENCE_DATA": str(folder / "data"), "DAGSTER_HOME": str(folder / "home")}


def _shoot(browser: str, url: str, target: Path) -> None:
    """One picture; the browser is given time for what the page loads after it is there."""
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--no-first-run", f"--user-data-dir={profile}", "--window-size=1600,1000",
                "--virtual-time-budget=15000", f"--screenshot={target}", url,
            ],
            check=True, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    print(target.relative_to(ROOT), target.stat().st_size, "bytes")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str) -> None:
    for _ in range(120):
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 (our own server)
                return
        except OSError:
            time.sleep(1)
    sys.exit(f"{url} did not answer")


if __name__ == "__main__":
    main()
