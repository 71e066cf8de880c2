"""
A process to be killed: one partition, all the way from specs to the published store.

    python -m tests.e2e.one_partition DATA URL
"""

import sys
from pathlib import Path

from tests.conftest import Pipeline


def main() -> None:
    data, url = sys.argv[1:]
    partition = Pipeline(data=Path(data), url=url, max_in_flight=8)
    partition.run()
    partition.versions()
    partition.store.fold()


if __name__ == "__main__":
    main()
