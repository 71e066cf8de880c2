"""What a user declares in YAML."""

from minference_assets.components.conversation_dataset import ConversationDataset

__all__ = ["ConversationDataset"]
