"""The conversation: messages and the blocks that they are made of."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from ._base import JSON, ByType, Model, OrAbsent


class TextBlock(Model):
    """Text."""

    type: Literal["text"] = "text"
    text: str


class ImageSource(Model):
    """The bytes of an image.

    Attributes:
        type: How `data` is encoded; the seed writes ``base64``.
        media_type: For instance ``image/png``.
        data: The encoded bytes.
    """

    type: str
    media_type: str
    data: str


class ImageBlock(Model):
    """An image."""

    type: Literal["image"] = "image"
    source: ImageSource


class ToolUseBlock(Model):
    """A call of a tool.

    Attributes:
        type: ``tool_use``.
        id: What the result refers to.
        name: The tool.
        input: Its arguments: any JSON value, copied.
    """

    type: Literal["tool_use"] = "tool_use"
    id: str
    name: str
    input: JSON


class UnknownBlock(Model):
    """A block of a type that the seed does not know, kept as it is and written back.

    A3S Code refuses a session that holds one.
    """

    type: str


ToolResultPart: TypeAlias = TextBlock | ImageBlock | UnknownBlock
"""A piece of a tool's result that is more than one string."""


class ToolResultBlock(Model):
    """What a tool answered.

    Attributes:
        type: ``tool_result``.
        tool_use_id: The call.
        content: A string, or text and images.
        is_error: Whether the tool failed; ``None`` where nobody said.
    """

    type: Literal["tool_result"] = "tool_result"
    tool_use_id: str
    content: str | list[Annotated[ToolResultPart, ByType()]]
    is_error: bool | None = None


ContentBlock: TypeAlias = TextBlock | ImageBlock | ToolUseBlock | ToolResultBlock | UnknownBlock
"""A piece of a message."""


class Message(Model):
    """One message of a conversation.

    Attributes:
        role: ``user``, ``assistant``, or what a provider calls it.
        content: Its blocks.
        reasoning_content: What a reasoning model thought, to be sent back to it.
    """

    role: str
    content: list[Annotated[ContentBlock, ByType()]]
    reasoning_content: OrAbsent[str] = None

    @classmethod
    def user(cls, text: str) -> Self:
        """Make a message of the user."""
        return cls(role="user", content=[TextBlock(text=text)])

    @classmethod
    def assistant(cls, text: str) -> Self:
        """Make a message of the model."""
        return cls(role="assistant", content=[TextBlock(text=text)])

    @classmethod
    def tool_result(cls, tool_use_id: str, content: str, *, is_error: bool = False) -> Self:
        """Make the message that answers a tool call; its role is ``user``, as providers want it."""
        return cls(role="user", content=[ToolResultBlock(tool_use_id=tool_use_id, content=content, is_error=is_error)])


class ToolDefinition(Model):
    """A tool as the model is told of it.

    Attributes:
        name: The tool.
        description: What it does.
        parameters: The JSON schema of its arguments.
    """

    name: str
    description: str
    parameters: JSON
