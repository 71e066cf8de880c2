"""Threads: conversations as versioned entities, and the pure rules by which they go on."""

from minference_core.threads.config import Client, LLMConfig, ReasoningEffort, ResponseFormat
from minference_core.threads.messages import ChatMessage, Role, SystemPrompt
from minference_core.threads.reply import FinishReason, Reply, Usage
from minference_core.threads.thread import ChatThread
from minference_core.threads.turns import Conversation, Verdict, apply, judge, next_request

__all__ = [
    "ChatMessage",
    "ChatThread",
    "Client",
    "Conversation",
    "FinishReason",
    "LLMConfig",
    "ReasoningEffort",
    "Reply",
    "ResponseFormat",
    "Role",
    "SystemPrompt",
    "Usage",
    "Verdict",
    "apply",
    "judge",
    "next_request",
]
