"""
docs/sql.md, made again from the views' and macros' own contracts and the small store of the tests.

    .venv/bin/python -m scripts.make_sql_docs
"""

import tempfile
from pathlib import Path

from minference_core.store import connect
from tests.core.lineage.small_store import make
from tests.core.lineage.sql_page import page

PAGE = Path(__file__).resolve().parent.parent / "docs" / "sql.md"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, connect(make(Path(folder) / "data")) as connection:
        PAGE.write_text(page(connection), encoding="utf-8")
    print(PAGE.name, PAGE.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
