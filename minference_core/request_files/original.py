"""
The names that the original library and OpenAI's cookbook have for this, over our own engine.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from minference_core.engine import LaneLimits
from minference_core.request_files.report import FileReport
from minference_core.request_files.run import run_request_file

__all__ = ["OAIApiFromFileConfig", "process_api_requests_from_file"]


@dataclass(kw_only=True)
class OAIApiFromFileConfig:
    """
    A file of requests, where its answers go, and what the account allows.

    Attributes:
        max_attempts: How often one request is sent at most.
        logging_level: Of this library's log while it runs.
        token_encoding_name: Kept for its name: tokens are counted with the vocabulary that is at hand.
    """

    requests_filepath: str
    save_filepath: str
    api_key: str = field(repr=False)
    request_url: str = "https://api.openai.com/v1/embeddings"
    max_requests_per_minute: float = 100
    max_tokens_per_minute: float = 1_000_000
    max_attempts: int = 5
    logging_level: int = logging.INFO
    token_encoding_name: str = "cl100k_base"  # noqa: S105 (a vocabulary, not a secret)


async def process_api_requests_from_file(api_cfg: OAIApiFromFileConfig) -> FileReport:
    """
    Ask every line of the file that has no answer yet; see `run_request_file`.

    Raises:
        ConfigError: The files, the URL or the key are not what can be run; nothing was sent.
    """
    logging.getLogger("minference_core").setLevel(api_cfg.logging_level)
    return await run_request_file(
        Path(api_cfg.requests_filepath),
        Path(api_cfg.save_filepath),
        url=api_cfg.request_url,
        limits=LaneLimits(
            requests_per_minute=max(1, int(api_cfg.max_requests_per_minute)),
            tokens_per_minute=max(1, int(api_cfg.max_tokens_per_minute)),
        ),
        api_key=SecretStr(api_cfg.api_key) if api_cfg.api_key else None,
        max_attempts=api_cfg.max_attempts,
    )
