"""The store: segments in, one DuckDB file out. `lineage` has the questions to ask of it."""

from minference_core.store.fold import FoldReport, Store
from minference_core.store.read import connect
from minference_core.store.segments import SEGMENT_ROWS, write_segment
from minference_core.store.tables import SCHEMAS, table

__all__ = ["SCHEMAS", "SEGMENT_ROWS", "FoldReport", "Store", "connect", "table", "write_segment"]
