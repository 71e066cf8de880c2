"""Threads: conversations as versioned entities, and the pure rules by which they go on."""

from minference_core.threads.config import Api, Client, LLMClient, LLMConfig, ReasoningEffort, ResponseFormat
from minference_core.threads.images import Image, ImageInput
from minference_core.threads.json_text import json_in, parse_json_string
from minference_core.threads.judging import (
    ToolResult,
    Verdict,
    check_call,
    failed_call,
    is_cut_off,
    judge,
    results_without_running,
)
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
from minference_core.threads.own_price import OwnPrice
from minference_core.threads.reply import FinishReason, Reply, TokenUsage, ToolCall
from minference_core.threads.thread import ChatThread, Tool
from minference_core.threads.turns import Conversation, apply, ends_with, has_news, next_request

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
    "OwnPrice",
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
    "ends_with",
    "failed_call",
    "has_news",
    "is_cut_off",
    "json_in",
    "judge",
    "next_request",
    "parse_json_string",
    "results_without_running",
    "usage_of",
]
