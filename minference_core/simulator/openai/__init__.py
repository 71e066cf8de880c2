"""OpenAI's Chat Completions with the dialects that vLLM, LiteLLM and OpenRouter speak, and Responses."""
