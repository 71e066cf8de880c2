"""The library's front door: threads in, outcomes out, on the same engine and turn rules as the pipeline."""

from minference_core.orchestrator.limits import RequestLimits
from minference_core.orchestrator.orchestrator import InferenceOrchestrator
from minference_core.orchestrator.results import parse_results_file

__all__ = ["InferenceOrchestrator", "RequestLimits", "parse_results_file"]
