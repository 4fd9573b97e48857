"""signalrcore against the test hub: python signalrcore_client.py URL json|messagepack"""

import logging
import os
import queue
import sys

from signalrcore.hub_connection_builder import HubConnectionBuilder
from signalrcore.protocol.messagepack_protocol import MessagePackHubProtocol

url, protocol = sys.argv[1:]
TEXT = "Grüße 😀"
OBJECT = {"Name": "outer", "Numbers": [0, -1, 2**40], "Inner": {"Name": "inner", "Numbers": [], "Inner": None}}

builder = (
    HubConnectionBuilder()
    .with_url(url, options={"headers": {"X-Test": "from python"}, "access_token_factory": lambda: "s3cret"})
    .configure_logging(logging.CRITICAL)
)
if protocol == "messagepack":
    builder = builder.with_hub_protocol(MessagePackHubProtocol())
connection = builder.build()

opened, closed, errors = queue.Queue(), queue.Queue(), queue.Queue()
events = {name: queue.Queue() for name in ["Welcome", "Message", "CustomObject"]}
connection.on_open(lambda: opened.put(True))
connection.on_close(lambda: closed.put(True))
connection.on_error(errors.put)
for name, received in events.items():
    connection.on(name, received.put)
connection.start()
opened.get(timeout=10)


def invoke(target, arguments):
    result = queue.Queue()
    connection.invoke(target, arguments, result.put)
    return result.get(timeout=10)


def stream(target, arguments):
    items, ended = [], queue.Queue()
    connection.stream(target, arguments).subscribe(
        {"next": items.append, "complete": lambda _: ended.put(None), "error": lambda message: ended.put(message.error)}
    )
    return items, ended.get(timeout=10)


assert events["Welcome"].get(timeout=10) == ["hello"]
assert invoke("Echo", [TEXT]).result == TEXT
assert invoke("EchoComplexObject", [OBJECT]).result == OBJECT
assert invoke("GetHeader", ["X-Test"]).result == "from python"
assert invoke("GetToken", []).result == "s3cret"

connection.send("InvokeWithString", [TEXT])
assert events["Message"].get(timeout=10) == [TEXT]
connection.send("SendCustomObject", [OBJECT])
assert events["CustomObject"].get(timeout=10) == [OBJECT, 42]

for target, expected in [
    ("ThrowException", "An error occurred: oops"),
    ("Missing", "Failed to invoke 'Missing' due to an error on the server. HubException: Method does not exist."),
    ("Stream", "The client attempted to invoke the streaming 'Stream' method with a non-streaming invocation."),
]:
    connection.send(target, ["oops"])
    assert errors.get(timeout=10).error == expected, target

assert stream("Stream", []) == (["a", "b", "c"], None)
assert stream("EmptyStream", []) == ([], None)
for number in range(50):
    assert invoke("Add", [number, 1]).result == number + 1

connection.send("CloseMe", [])
closed.get(timeout=10)
print("passed", flush=True)
os._exit(0)  # its threads linger
