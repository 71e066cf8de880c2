"""The engine: the only part that spends money. It paces, sends, retries, and writes down what came back."""

from minference_core.engine.asked import Sendable
from minference_core.engine.ends import Ends
from minference_core.engine.engine import Draining, Engine, Settled
from minference_core.engine.exchanges import EXCHANGES, Findings, write_exchanges
from minference_core.engine.gate import Gate
from minference_core.engine.history import History, attempt_from
from minference_core.engine.journal import Journal
from minference_core.engine.limits import Lane, LaneLimits
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
    "POLICY",
    "SETTLED",
    "Draining",
    "Ends",
    "Engine",
    "Findings",
    "Gate",
    "History",
    "HttpReply",
    "Journal",
    "Lane",
    "LaneLimits",
    "Progress",
    "RunReport",
    "RunStats",
    "Sendable",
    "Settled",
    "Transport",
    "Workers",
    "attempt_from",
    "backoff_s",
    "graceful_stop",
    "reused",
    "tool_run",
    "write_exchanges",
]
