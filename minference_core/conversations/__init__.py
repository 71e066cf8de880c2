"""Conversations: the plan of what is to be asked, and the one loop that asks it."""

from minference_core.conversations.plan import Plan, PlanLine, plan_requests
from minference_core.conversations.retry import Retry, RetryReport, amend
from minference_core.conversations.reuse import NO_REUSE, Reuse, Scope
from minference_core.conversations.run import run_conversations
from minference_core.conversations.table import REQUESTS, read_requests

__all__ = [
    "NO_REUSE",
    "REQUESTS",
    "Plan",
    "PlanLine",
    "Retry",
    "RetryReport",
    "Reuse",
    "Scope",
    "amend",
    "plan_requests",
    "read_requests",
    "run_conversations",
]
