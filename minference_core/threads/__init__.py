"""Threads: conversations as versioned entities, and the pure rules by which they go on."""

from minference_core.threads.config import Api, Client, LLMClient, LLMConfig, ReasoningEffort, ResponseFormat
from minference_core.threads.images import Image, ImageInput
from minference_core.threads.json_text import json_in, parse_json_string
from minference_core.threads.messages import (
    CalledTool,
    CarriedReasoning,
    ChatMessage,
    MessageRole,
    Role,
    SystemPrompt,
    Usage,
)
from minference_core.threads.outputs import GeneratedJsonObject, usage_of
from minference_core.threads.reply import FinishReason, Reply, TokenUsage, ToolCall
from minference_core.threads.thread import ChatThread, Tool
from minference_core.threads.turns import (
    Conversation,
    ToolResult,
    Verdict,
    apply,
    check_call,
    is_cut_off,
    judge,
    next_request,
)

__all__ = [
    "Api",
    "CalledTool",
    "CarriedReasoning",
    "ChatMessage",
    "ChatThread",
    "Client",
    "Conversation",
    "FinishReason",
    "GeneratedJsonObject",
    "Image",
    "ImageInput",
    "LLMClient",
    "LLMConfig",
    "MessageRole",
    "ReasoningEffort",
    "Reply",
    "ResponseFormat",
    "Role",
    "SystemPrompt",
    "TokenUsage",
    "Tool",
    "ToolCall",
    "ToolResult",
    "Usage",
    "Verdict",
    "apply",
    "check_call",
    "is_cut_off",
    "json_in",
    "judge",
    "next_request",
    "parse_json_string",
    "usage_of",
]
