"""An agent of LangGraph whose process dies in the middle of a turn: python examples/langgraph_agent.py [URL].

The model is a script, so nothing is called. A second process goes on where the first one was killed. It needs
LangGraph: pip install '.[langgraph]'.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages

import objstore
from objstore.integrations.langgraph import ObjstoreSaver

THREAD: RunnableConfig = {"configurable": {"thread_id": "support-42"}}


class State(TypedDict):
    """What the agent knows."""

    messages: Annotated[list[AnyMessage], add_messages]


def model(state: State) -> dict[str, Any]:
    """Ask for a tool first, and answer when its result is there."""
    last = state["messages"][-1]
    if isinstance(last, ToolMessage):
        return {"messages": [AIMessage(f"The order is {last.content}.")]}
    return {"messages": [AIMessage("", tool_calls=[{"id": "1", "name": "look_up", "args": {"order": 1234}}])]}


def tools(state: State) -> dict[str, Any]:
    """Run the tool; the first process does not survive it."""
    if "--die" in sys.argv:
        os._exit(1)
    asked = state["messages"][-1]
    assert isinstance(asked, AIMessage)
    return {"messages": [ToolMessage("on its way", tool_call_id=asked.tool_calls[0]["id"])]}


def build(store: objstore.DocumentStore) -> Any:
    """Compile the graph with objstore as its checkpointer."""
    builder = StateGraph(State)
    builder.add_node("model", model)
    builder.add_node("tools", tools)
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", lambda s: "tools" if s["messages"][-1].tool_calls else END, ["tools", END])
    builder.add_edge("tools", "model")
    return builder.compile(checkpointer=ObjstoreSaver(store))


def main(url: str) -> None:
    """Begin a turn in a process that dies in it, and end it here."""
    subprocess.run([sys.executable, __file__, url, "--die"], check=False)
    with objstore.DocumentStore(url) as store:
        graph = build(store)
        print("after the crash, next:", *graph.get_state(THREAD).next)
        print(graph.invoke(None, THREAD)["messages"][-1].content)
        print("checkpoints:", len(list(graph.get_state_history(THREAD))))
        graph.invoke({"messages": [HumanMessage("And now?")]}, THREAD, durability="exit")  # one commit for the turn
        print("messages:", len(graph.get_state(THREAD).values["messages"]))


if __name__ == "__main__":
    if "--die" in sys.argv:
        with objstore.DocumentStore(sys.argv[1]) as store:
            build(store).invoke({"messages": [HumanMessage("Where is my order?")]}, THREAD, durability="sync")
    elif len(sys.argv) > 1:
        main(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory() as directory:
            main(directory)
