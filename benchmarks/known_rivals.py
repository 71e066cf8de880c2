"""Who is compared, and where each of them is."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["FOLDER", "RIVALS", "VOCABULARY", "Rival"]

_SCRIPTS = Path(__file__).with_name("rivals")
_ROOT = Path(__file__).parent.parent
FOLDER = _ROOT / ".venv" / "rivals"
VOCABULARY = FOLDER / "vocabulary"
_ENGINE_VARIABLE = "MULTIINFERENCE_ENGINE"


@dataclass(frozen=True, slots=True)
class Rival:
    """
    A way of asking many questions.

    Attributes:
        script: Does it, as `asking.py` wants it done; run by the rival's own Python.
        home: Its environment under `FOLDER`; None is ours, in this one.
    """

    name: str
    script: str
    home: str | None
    more: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)

    def absent(self) -> str | None:
        """Why it cannot be run; None if it can."""
        if self.home is not None and not (FOLDER / self.home / "installed").exists():
            return "not installed: benchmarks/install_rivals.py installs it"
        if self.home == "multiinference" and not Path(self.more[0]).is_file():
            return f"on no package index: set {_ENGINE_VARIABLE} to a copy of its oai_parallel.py"
        return None

    def command(self) -> list[str]:
        python = sys.executable if self.home is None else str(FOLDER / self.home / "bin" / "python")
        return [python, "-W", "ignore", str(_SCRIPTS / self.script), *self.more]

    def environment(self) -> dict[str, str]:
        """Nobody is to look for anything outside this machine."""
        quiet = {
            "TIKTOKEN_CACHE_DIR": str(VOCABULARY),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "TELEMETRY_ENABLED": "0",
            "CURATOR_DISABLE_RICH_DISPLAY": "1",
            "OPENAI_API_KEY": "sk-bench",
        }
        ours = {"PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])}
        return {**os.environ, **quiet, **(ours if self.home is None else {"PYTHONPATH": ""}), **self.env}


RIVALS = (
    Rival("minference, request file", "ask_minference.py", None, ("file",)),
    Rival("minference, conversations", "ask_minference.py", None, ("conversations",)),
    Rival(
        "MultiInference", "ask_multiinference.py", "multiinference", (os.environ.get(_ENGINE_VARIABLE, ""),)
    ),
    Rival("curator", "ask_curator.py", "curator"),
    Rival("litellm router", "ask_litellm.py", "litellm"),
    Rival("inspect_ai", "ask_inspect_ai.py", "inspect_ai"),
)
