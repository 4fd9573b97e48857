"""pysignalr against the test hub: python pysignalr_client.py URL json|messagepack"""

import asyncio
import logging
import sys

from pysignalr.client import SignalRClient
from pysignalr.protocol.json import JSONProtocol
from pysignalr.protocol.messagepack import MessagepackProtocol

url, protocol = sys.argv[1:]
logging.disable(logging.CRITICAL)
TEXT = "Grüße 😀 \x1e"
OBJECT = {"Name": "outer", "Numbers": [0, -1, 2**40], "Inner": {"Name": "inner", "Numbers": [], "Inner": None}}


async def main():
    client = SignalRClient(
        url,
        protocol=JSONProtocol() if protocol == "json" else MessagepackProtocol(),
        # Its access_token_factory takes effect only on the second connection.
        headers={"X-Test": "from python", "Authorization": "Bearer s3cret"},
    )
    opened = asyncio.Event()
    events = {name: asyncio.Queue() for name in ["Welcome", "Message", "CustomObject"]}
    errors = asyncio.Queue()

    async def on_open():
        opened.set()

    client.on_open(on_open)
    client.on_error(errors.put)
    for name, queue in events.items():
        client.on(name, queue.put)
    running = asyncio.create_task(client.run())
    await opened.wait()

    async def invoke(target, arguments):
        result = asyncio.get_running_loop().create_future()

        async def done(message):
            result.set_result(message)

        await client.send(target, arguments, done)
        return await result

    assert await events["Welcome"].get() == ["hello"]
    assert (await invoke("Echo", [TEXT])).result == TEXT
    assert (await invoke("EchoComplexObject", [OBJECT])).result == OBJECT
    assert (await invoke("GetHeader", ["X-Test"])).result == "from python"
    assert (await invoke("GetToken", [])).result == "s3cret"
    assert (await invoke("Void", [])).error is None

    await client.send("InvokeWithString", [TEXT])
    assert await events["Message"].get() == [TEXT]
    await client.send("SendCustomObject", [OBJECT])
    assert await events["CustomObject"].get() == [OBJECT, 42]

    for target, expected in [
        ("ThrowException", "An error occurred: oops"),
        ("Missing", "Failed to invoke 'Missing' due to an error on the server. HubException: Method does not exist."),
        ("Stream", "The client attempted to invoke the streaming 'Stream' method with a non-streaming invocation."),
    ]:
        await invoke(target, ["oops"])
        assert (await errors.get()).error == expected, target

    async def stream(target, arguments):
        items, ended = [], asyncio.get_running_loop().create_future()

        async def on_next(item):
            items.append(item)

        async def on_end(message):
            ended.done() or ended.set_result(message.error)

        await client.stream(target, arguments, on_next, on_end, on_end)
        return items, await ended

    assert await stream("Stream", []) == (["a", "b", "c"], None)
    assert await stream("EmptyStream", []) == ([], None)
    assert await stream("StreamThrowException", ["oops"]) == ([], "oops")

    results = await asyncio.gather(*(invoke("Add", [number, 1]) for number in range(200)))
    assert [message.result for message in results] == list(range(1, 201))

    running.cancel()
    print("passed")


asyncio.run(asyncio.wait_for(main(), 30))
