"""
A real LiteLLM proxy: installed once, into `.venv/litellm`; run on a free port of this machine, and ended.

It reaches nobody but the simulators that it is told of.
"""

import hashlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

__all__ = ["MASTER_KEY", "Proxy", "running_proxy"]

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
ENVIRONMENT = HERE.parents[2] / ".venv" / "litellm"
INDEX = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple/")
MASTER_KEY = "sk-litellm-master-key"
START_S = 120


@dataclass(frozen=True)
class Proxy:
    """A proxy that answers at `url`, and what it says meanwhile."""

    url: str
    log: Path


@contextmanager
def running_proxy(folder: Path, upstream: Mapping[str, str]) -> Iterator[Proxy]:
    """
    A proxy with the models of `config.yaml`.

    Args:
        folder: For its log and its home.
        upstream: The addresses that the configuration names, by variable.
    """
    command, port = _installed(), _free_port()
    proxy = Proxy(f"http://127.0.0.1:{port}", folder / "proxy.log")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LITELLM_MASTER_KEY": MASTER_KEY,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        # Whoever it would ask outside, nobody is there.
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
        **upstream,
    }
    arguments = ["--config", str(HERE / "config.yaml"), "--host", "127.0.0.1", "--port", str(port)]
    with proxy.log.open("wb") as log:
        process = subprocess.Popen(
            [str(command), *arguments, "--telemetry", "False"],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _wait_until_it_answers(proxy, process)
        yield proxy
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_answers(proxy: Proxy, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_S
    # Not through a proxy of the environment: this is this machine.
    ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with ask(f"{proxy.url}/health/readiness", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    said = "\n".join(proxy.log.read_text().splitlines()[-60:])
    pytest.fail(f"the proxy ended with {process.poll()} or did not answer within {START_S} s:\n{said}")


def _installed() -> Path:
    """The proxy's command; the first test that needs it installs it, the others wait for that."""
    marker = ENVIRONMENT / "installed"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    ENVIRONMENT.parent.mkdir(exist_ok=True)
    with FileLock(ENVIRONMENT.with_suffix(".lock"), fallback_to_soft=False):
        if not marker.exists() or marker.read_text() != wanted:
            _install()
            marker.write_text(wanted)
    return ENVIRONMENT / "bin" / "litellm"


def _install() -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", ENVIRONMENT], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(ENVIRONMENT / "bin" / "python"), "install", "--quiet"]
    network = ["--timeout", "30", "--retries", "1"]
    wheels = ["--no-deps", "--only-binary", ":all:", "--no-compile", "-r", str(REQUIREMENTS)]
    done = subprocess.run([*pip, *network, *wheels], text=True, capture_output=True)
    if done.returncode == 0:
        return
    if (why := _index_is_out_of_reach()) is not None:
        pytest.skip(f"LiteLLM cannot be installed without {INDEX}: {why}")
    pytest.fail(f"{REQUIREMENTS.name} cannot be installed:\n{done.stdout}\n{done.stderr}")


def _index_is_out_of_reach() -> str | None:
    try:
        with urllib.request.urlopen(INDEX, timeout=20):  # noqa: S310 (where pip itself looks)
            return None
    except (OSError, ValueError) as exc:
        return str(exc)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
