"""Graphs for the tests of the LangGraph saver: an agent without a model, and what goes wrong with graphs."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Send, interrupt

Node = Any
"""A function of the state; LangGraph describes those by protocols of its own."""


class Talk(TypedDict):
    """What the agent knows."""

    messages: Annotated[list[AnyMessage], add_messages]


class Sum(TypedDict):
    """Numbers that nodes add to."""

    items: Annotated[list[str], operator.add]


def gathered(state: list[str], writes: list[list[str]]) -> list[str]:
    return [*state, *(item for write in writes for item in write)]


class DeltaSum(TypedDict):
    """The same, stored as what was added."""

    items: Annotated[list[str], DeltaChannel(gathered, snapshot_frequency=4)]


def thread(id: str = "t", **more: Any) -> RunnableConfig:
    return {"configurable": {"thread_id": id, **more}}


def said(text: str, id: str) -> dict[str, Any]:
    return {"messages": [HumanMessage(text, id=id)]}


def agent(*, tools: bool = True, work: Callable[[], object] = bool) -> StateGraph[Any, None, Any, Any]:
    """An agent that looks something up, if it has tools, and answers; all its ids follow from the state.

    What it calls to ``work`` stands for the time that its model and its tools take.
    """

    def think(state: Talk) -> dict[str, Any]:
        work()
        n = len(state["messages"])
        if tools and isinstance(state["messages"][-1], HumanMessage):
            call = {"id": f"call-{n}", "name": "look", "args": {"page": n}}
            return {"messages": [AIMessage("", id=f"ai-{n}", tool_calls=[call])]}
        return {"messages": [AIMessage(f"the answer of {n} " * 10, id=f"ai-{n}")]}

    def look(state: Talk) -> dict[str, Any]:
        work()
        n, asked = len(state["messages"]), state["messages"][-1]
        assert isinstance(asked, AIMessage)
        return {"messages": [ToolMessage("found " * 50, tool_call_id=asked.tool_calls[0]["id"], id=f"tool-{n}")]}

    def route(state: Talk) -> str:
        last = state["messages"][-1]
        return "look" if isinstance(last, AIMessage) and last.tool_calls else END

    builder: StateGraph[Any, None, Any, Any] = StateGraph(Talk)
    builder.add_node("think", think)
    builder.add_node("look", look)
    builder.add_edge(START, "think")
    builder.add_conditional_edges("think", route, ["look", END])
    builder.add_edge("look", "think")
    return builder


def chain(*nodes: Node, state: type[Any] = Sum) -> StateGraph[Any, None, Any, Any]:
    """Nodes one after the other."""
    builder: StateGraph[Any, None, Any, Any] = StateGraph(state)
    before = START
    for node in nodes:
        name = node.__name__
        builder.add_node(name, node)
        builder.add_edge(before, name)
        before = name
    builder.add_edge(before, END)
    return builder


def adding(name: str) -> Node:
    """A node that adds its name."""

    def node(state: Any) -> dict[str, Any]:
        return {"items": [name]}

    node.__name__ = name
    return node


def asking(name: str) -> Node:
    """A node that asks somebody and adds the answer."""

    def node(state: Any) -> dict[str, Any]:
        return {"items": [interrupt(f"{name}?")]}

    node.__name__ = name
    return node


def fan(worker: Node, count: int) -> StateGraph[Any, None, Any, Any]:
    """A number of workers side by side, sent for."""
    builder: StateGraph[Any, None, Any, Any] = StateGraph(Sum)
    builder.add_node("split", adding("split"))
    builder.add_node("work", worker)
    builder.add_edge(START, "split")
    builder.add_conditional_edges("split", lambda _: [Send("work", {"n": n}) for n in range(count)], ["work"])
    builder.add_edge("work", END)
    return builder
