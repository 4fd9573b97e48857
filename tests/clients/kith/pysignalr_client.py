"""A whole conversation through pysignalr: python pysignalr_client.py URL json|messagepack"""

import asyncio
import logging
import queue
import sys
import threading

from pysignalr.client import SignalRClient
from pysignalr.protocol.json import JSONProtocol
from pysignalr.protocol.messagepack import MessagepackProtocol

import conversation

logging.disable(logging.CRITICAL)
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()


def run(coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result(conversation.PATIENCE_S)


class Client:
    def __init__(self, url, token):
        self.events = queue.Queue()
        run(self._connect(url, token))

    async def _connect(self, url, token):
        protocol = JSONProtocol() if sys.argv[2] == "json" else MessagepackProtocol()
        # Its access_token_factory takes effect only on the second connection.
        self.hub = SignalRClient(url, protocol=protocol, headers={"Authorization": f"Bearer {token}"})
        opened = asyncio.Event()

        async def on_open():
            opened.set()

        async def on_error(_):
            pass  # the call's own callback has it

        self.hub.on_open(on_open)
        self.hub.on_error(on_error)
        for name in conversation.EVENTS:
            self.hub.on(name, self._take(name))
        self.running = asyncio.create_task(self.hub.run())
        opening = asyncio.create_task(opened.wait())
        await asyncio.wait([opening, self.running], return_when=asyncio.FIRST_COMPLETED)
        if self.running.done():
            self.running.result()

    def _take(self, name):
        async def take(arguments):
            self.events.put((name, arguments))

        return take

    async def _call(self, target, arguments):
        answer = asyncio.get_running_loop().create_future()

        async def done(message):
            answer.set_result(message)

        await self.hub.send(target, arguments, done)
        return await answer

    def call(self, target, arguments):
        message = run(self._call(target, arguments))
        if message.error:
            raise conversation.HubError(message.error)
        return message.result

    async def _stream(self, target, arguments):
        items, ended = [], asyncio.get_running_loop().create_future()

        async def on_next(item):
            items.append(item)

        async def on_end(message):
            ended.done() or ended.set_result(message.error)

        await self.hub.stream(target, arguments, on_next, on_end, on_end)
        return items, await ended

    def stream(self, target, arguments):
        items, error = run(self._stream(target, arguments))
        if error:
            raise conversation.HubError(error)
        return items

    def wait_closed(self):
        async def wait():
            try:
                await self.running
            except Exception as error:
                return str(error) or repr(error)
            return ""

        return run(wait())

    def stop(self):
        async def stop():
            self.running.cancel()
            await asyncio.wait([self.running])

        run(stop())


conversation.main(Client)
