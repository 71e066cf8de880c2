"""Providers: our words to theirs and back, pure."""

from minference_core.errors import Unsupported
from minference_core.providers.base import Provider, WireRequest, endpoint
from minference_core.providers.failures import classify, error_in_answer, error_within, retry_after_s
from minference_core.providers.limits import COUNTS_WHAT_WAS_USED, LEARNS_FROM_LATENCY, limits_in
from minference_core.providers.registry import PROVIDERS, SIMULATOR, Entry, provider_for, provider_of, reader
from minference_core.threads.capabilities import Capabilities
from minference_core.threads.families import capabilities

__all__ = [
    "COUNTS_WHAT_WAS_USED",
    "LEARNS_FROM_LATENCY",
    "PROVIDERS",
    "SIMULATOR",
    "Capabilities",
    "Entry",
    "Provider",
    "Unsupported",
    "WireRequest",
    "capabilities",
    "classify",
    "endpoint",
    "error_in_answer",
    "error_within",
    "limits_in",
    "provider_for",
    "provider_of",
    "reader",
    "retry_after_s",
]
