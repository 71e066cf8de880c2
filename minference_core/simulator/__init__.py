"""
A local server that stands in for a paid provider: same words, same limits, same ways of failing.

It speaks OpenAI's Chat Completions (and what vLLM, LiteLLM and OpenRouter make of it), OpenAI's Responses
and Anthropic's Messages. It never reaches the network, costs nothing, and answers the same request with the
same words on every machine.
"""

from minference_core.simulator.accounts import account_name
from minference_core.simulator.faults import parse_fault
from minference_core.simulator.server import Simulator
from minference_core.simulator.settings import SimulatorSettings
from minference_core.simulator.storms import Storm, parse_storm
from minference_core.simulator.threads import serve, simulator_in_thread

__all__ = [
    "Simulator",
    "SimulatorSettings",
    "Storm",
    "account_name",
    "parse_fault",
    "parse_storm",
    "serve",
    "simulator_in_thread",
]
