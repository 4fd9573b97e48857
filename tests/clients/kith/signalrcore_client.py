"""A whole conversation through signalrcore: python signalrcore_client.py URL json|messagepack"""

import logging
import queue
import sys
import threading
import uuid

from signalrcore.hub_connection_builder import HubConnectionBuilder
from signalrcore.protocol.messagepack_protocol import MessagePackHubProtocol

import conversation
from conversation import PATIENCE_S


class Client:
    def __init__(self, url, token):
        self.events = queue.Queue()
        self.waiting = {}  # by invocation: its errors come to one place for all
        opened, self.closed = queue.Queue(), queue.Queue()
        builder = (
            HubConnectionBuilder()
            .with_url(url, options={"access_token_factory": lambda: token})
            .configure_logging(logging.CRITICAL)
        )
        if sys.argv[2] == "messagepack":
            builder = builder.with_hub_protocol(MessagePackHubProtocol())
        self.hub = builder.build()
        self.hub.on_open(lambda: opened.put(True))
        self.hub.on_close(lambda: self.closed.put("closed"))
        self.hub.on_error(lambda message: self.waiting[message.invocation_id].put(message))
        for name in conversation.EVENTS:
            self.hub.on(name, lambda arguments, name=name: self.events.put((name, arguments)))
        self.hub.start()
        opened.get(timeout=PATIENCE_S)

    def call(self, target, arguments):
        number = str(uuid.uuid4())
        self.waiting[number] = answer = queue.Queue()
        self.hub.invoke(target, arguments, answer.put, number)
        message = answer.get(timeout=PATIENCE_S)
        if message.error:
            raise conversation.HubError(message.error)
        return message.result

    def stream(self, target, arguments):
        items, ended = [], queue.Queue()

        def ask(_):
            handler = self.hub.stream(target, arguments)
            self.waiting[handler.invocation_id] = ended
            handler.subscribe({"next": items.append, "complete": ended.put, "error": ended.put})

        # It asks first and can be told only then who wants the answers; those that come before are lost. So this is done
        # where answers are read: none is, meanwhile.
        self.hub.invoke("CheckIn", [], ask)
        message = ended.get(timeout=PATIENCE_S)
        if message.error:
            raise conversation.HubError(message.error)
        return items

    def wait_closed(self):
        return self.closed.get(timeout=PATIENCE_S)

    def stop(self):
        # It closes the socket under its reading thread, which goes on until something comes, and waits for that
        # thread. What comes then is lost with it: the server has to keep it until it is acknowledged.
        threading.Thread(target=self.hub.stop, daemon=True).start()


conversation.main(Client)
