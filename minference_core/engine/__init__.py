"""The engine: the only part that spends money. It paces, sends, retries, and writes down what came back."""

from minference_core.engine.admission import Admission
from minference_core.engine.asked import Sendable
from minference_core.engine.books import holder_of, opened_books, put_right
from minference_core.engine.budget import Budget, Purse, Spending
from minference_core.engine.caps import Cap, Caps
from minference_core.engine.collector import seldom_collected
from minference_core.engine.ends import Ends
from minference_core.engine.engine import Draining, Engine, Settled
from minference_core.engine.exchanges import EXCHANGES, Findings, write_exchanges
from minference_core.engine.gate import Gate
from minference_core.engine.histogram import RELATIVE_ERROR, Histogram
from minference_core.engine.history import History, attempt_from
from minference_core.engine.journal import Journal
from minference_core.engine.ledger import Balance, Ledger
from minference_core.engine.limits import Lane, LaneLimits
from minference_core.engine.metrics import Counts, Slice, Timeline, limit_share
from minference_core.engine.metrics_table import METRICS, write_metrics
from minference_core.engine.records import reused, tool_run
from minference_core.engine.retry import LANE_STOPPERS, POLICY, SETTLED, backoff_s
from minference_core.engine.stats import Progress, RunReport, RunStats
from minference_core.engine.stop import graceful_stop
from minference_core.engine.transport import HttpReply, Transport
from minference_core.engine.workers import GRACE_S, Workers

__all__ = [
    "EXCHANGES",
    "GRACE_S",
    "LANE_STOPPERS",
    "METRICS",
    "POLICY",
    "RELATIVE_ERROR",
    "SETTLED",
    "Admission",
    "Balance",
    "Budget",
    "Cap",
    "Caps",
    "Counts",
    "Draining",
    "Ends",
    "Engine",
    "Findings",
    "Gate",
    "Histogram",
    "History",
    "HttpReply",
    "Journal",
    "Lane",
    "LaneLimits",
    "Ledger",
    "Progress",
    "Purse",
    "RunReport",
    "RunStats",
    "Sendable",
    "Settled",
    "Slice",
    "Spending",
    "Timeline",
    "Transport",
    "Workers",
    "attempt_from",
    "backoff_s",
    "graceful_stop",
    "holder_of",
    "limit_share",
    "opened_books",
    "put_right",
    "reused",
    "seldom_collected",
    "tool_run",
    "write_exchanges",
    "write_metrics",
]
