"""
Where the process of a tool begins: `python -I -S worker.py FD PARENT FOLDER…`, started by `process.py`.

It loads the few modules it needs without running the packages they are in, which import the whole
library: a process starts in a sixth of a second and takes 30 MB. The folders are those of installed
packages; what is not in one, such as a project installed with `pip install -e`, the text cannot import.
"""

import sys
from pathlib import Path
from types import ModuleType

_ROOT = Path(__file__).resolve().parents[3]
_PACKAGES = ("minference_core", "minference_core.tools", "minference_core.tools.sandbox")


def main() -> None:
    sys.path.extend(sys.argv[3:])
    for name in _PACKAGES:
        package = ModuleType(name)
        package.__path__ = [str(_ROOT.joinpath(*name.split(".")))]
        sys.modules[name] = package
    from minference_core.tools.sandbox.serving import serve

    for name in _PACKAGES:
        del sys.modules[name]  # a text that imports the library gets the real one
    serve(int(sys.argv[1]), int(sys.argv[2]))


if __name__ == "__main__":
    main()
