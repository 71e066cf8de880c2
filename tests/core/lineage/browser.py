"""A real headless Chromium, asked over its own protocol: what a page became, and what it tried to do."""

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--no-first-run", "--hide-scrollbars", "--remote-debugging-port=0",
    "--window-size=1400,1000",
)  # fmt: skip


def look_at(
    page: Path, questions: Sequence[str], *, picture: Path | None = None
) -> tuple[list[Any], list[str]]:
    """
    Open a page and evaluate expressions in it, one after the other.

    Returns:
        Their values; and what went wrong: every error, dialog, and request to anywhere but the page.
    """
    with tempfile.TemporaryDirectory() as profile:
        command = [CHROMIUM or "", *_OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            port = _port(Path(profile))
            return asyncio.run(_looked_at(port, page, questions, picture))
        finally:
            browser.terminate()
            browser.wait(30)
            shutil.rmtree(profile, ignore_errors=True)
            Path(profile).mkdir(exist_ok=True)


def _port(profile: Path) -> int:
    """Written by the browser once it listens."""
    file, patience = profile / "DevToolsActivePort", time.monotonic() + 100
    while not (file.exists() and file.read_text().count("\n")):
        assert time.monotonic() < patience, "Chromium does not start"
        time.sleep(0.05)
    return int(file.read_text().splitlines()[0])


async def _looked_at(
    port: int, page: Path, questions: Sequence[str], picture: Path | None
) -> tuple[list[Any], list[str]]:
    async with aiohttp.ClientSession() as http:
        async with http.get(f"http://127.0.0.1:{port}/json/list") as answer:
            (tab,) = [one for one in await answer.json() if one["type"] == "page"]
        async with http.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            seen = _Session(socket, page.as_uri())
            for domain in ("Page", "Runtime", "Network", "Log"):
                await seen.ask(f"{domain}.enable")
            await seen.ask("Page.navigate", url=page.as_uri())
            await seen.until("Page.loadEventFired")
            values = [await seen.evaluated(question) for question in questions]
            if picture is not None:
                await seen.take(picture)
            return values, seen.wrong


class _Session:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse, address: str) -> None:
        self._socket = socket
        self._address = address
        self._number = 0
        self.wrong: list[str] = []
        self._events: list[str] = []

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        await self._socket.send_str(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            said = await self._heard()
            if said.get("id") == self._number:
                assert "error" not in said, said
                result: dict[str, Any] = said["result"]
                return result

    async def until(self, event: str) -> None:
        while event not in self._events:
            await self._heard()

    async def evaluated(self, expression: str) -> Any:
        found = await self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def take(self, picture: Path) -> None:
        found = await self.ask("Page.captureScreenshot", format="png")
        await asyncio.to_thread(picture.write_bytes, base64.b64decode(found["data"]))

    async def _heard(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads((await self._socket.receive(timeout=100)).data)
        event, about = said.get("method", ""), said.get("params", {})
        self._events.append(event)
        if event == "Network.requestWillBeSent" and not about["request"]["url"].startswith(self._address):
            self.wrong.append(about["request"]["url"])
        elif event in ("Runtime.exceptionThrown", "Page.javascriptDialogOpening", "Log.entryAdded"):
            self.wrong.append(json.dumps(about))
        return said
