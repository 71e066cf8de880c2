"""OpenAI's Responses API: items in, items out, with reasoning that is handed back in tool loops."""
