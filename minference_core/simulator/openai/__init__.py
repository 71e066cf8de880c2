"""OpenAI's Chat Completions, and the dialects of it that vLLM, LiteLLM and OpenRouter speak."""
