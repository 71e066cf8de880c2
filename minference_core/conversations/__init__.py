"""Conversations: the plan of what is to be asked, and the one loop that asks it."""

from minference_core.conversations.plan import Plan, PlanLine, plan_requests
from minference_core.conversations.retry import Retry, RetryReport, amend
from minference_core.conversations.run import run_conversations
from minference_core.conversations.table import REQUESTS, read_requests

__all__ = [
    "REQUESTS",
    "Plan",
    "PlanLine",
    "Retry",
    "RetryReport",
    "amend",
    "plan_requests",
    "read_requests",
    "run_conversations",
]
