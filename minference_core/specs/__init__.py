"""Thread specs: the user's Parquet rows, read, validated and made into conversations."""

from minference_core.specs.amendments import NO_AMENDMENTS, Amendment, Amendments
from minference_core.specs.columns import CONFIG_COLUMNS, SPEC_COLUMNS, ThreadSpec
from minference_core.specs.conversations import ConversationMaker, read_conversations
from minference_core.specs.generations import Generations
from minference_core.specs.other_model import fitted
from minference_core.specs.past import Past, past_of
from minference_core.specs.reader import (
    RowProblem,
    RowReader,
    SpecCells,
    SpecReport,
    SpecRow,
    inspect_specs,
    read_cells,
    read_rows,
)
from minference_core.specs.source import EPOCH, Partition, SpecDefaults, SpecSource, spec_files
from minference_core.specs.tools import ToolSet, tools_of

__all__ = [
    "CONFIG_COLUMNS",
    "EPOCH",
    "NO_AMENDMENTS",
    "SPEC_COLUMNS",
    "Amendment",
    "Amendments",
    "ConversationMaker",
    "Generations",
    "Partition",
    "Past",
    "RowProblem",
    "RowReader",
    "SpecCells",
    "SpecDefaults",
    "SpecReport",
    "SpecRow",
    "SpecSource",
    "ThreadSpec",
    "ToolSet",
    "fitted",
    "inspect_specs",
    "past_of",
    "read_cells",
    "read_conversations",
    "read_rows",
    "spec_files",
    "tools_of",
]
