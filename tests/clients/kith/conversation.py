"""A whole conversation, whichever client carries it. Says what it saw, a JSON object a line;
crates/kith/tests/e2e/clients.rs judges it. conversation.mjs says the same.

A client is a class: Client(url, token) connects; call(target, arguments) answers or raises HubError; stream(…) answers
its items, or raises; events is a queue of (name, arguments); wait_closed() answers the error that ended it; stop().
"""

import json
import os
import sys
import time
import traceback
import urllib.request

PATIENCE_S = 60
EVENTS = ["msg", "rcpt", "typ", "conv", "dev", "resync"]


class HubError(Exception):
    """The server refused a call."""


def say(step, **what):
    print(json.dumps({"step": step, **what}), flush=True)


def post(url, path, body=None, token=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode() if body is not None else b""
    request = urllib.request.Request(url + path, data=data, headers=headers, method="POST")
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        text = answer.read()
        return answer.status, json.loads(text) if text else None


def register(url, username):
    _, answer = post(url, "/api/auth/register", {"username": username, "password": "correct horse battery"})
    return {"id": answer["user"]["id"], "token": answer["accessToken"]}


def next_event(client, name, fits=lambda *_: True):
    """Takes the first event of that name that fits; those before it are dropped."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found, arguments = client.events.get(timeout=max(deadline - time.monotonic(), 0.001))
        if found == name and fits(*arguments):
            return arguments


def refusal(call):
    try:
        answer = call()
    except HubError as error:
        return str(error)
    raise AssertionError(f"it did not fail: {answer}")


def converse(url, Client):
    accounts = {name: register(url, name) for name in ["alice", "bob", "carol", "mallory"]}
    ids = {name: account["id"] for name, account in accounts.items()}
    say("registered", users=ids)

    def connect(name):
        return Client(f"{url}/hub", accounts[name]["token"])

    alice, bob = connect("alice"), connect("bob")

    direct = alice.call("InitiateDirectChatSession", [ids["bob"]])
    [announced] = next_event(bob, "conv")
    again = bob.call("InitiateDirectChatSession", [ids["alice"]])
    say("direct", id=direct, again=again, announced=announced)

    sent = alice.call("SendMessage", [direct, {"id": "first", "text": "Hello"}])
    say("sent", sent=sent, received=next_event(bob, "msg"))
    say("repeated", sent=alice.call("SendMessage", [direct, {"id": "first", "text": "Hello"}]))
    plain = alice.call("SendMessage", [direct, "Grüße 😀"])
    say("sent plain", sent=plain, received=next_event(bob, "msg"))
    bob.call("Acknowledge", [direct, 2])
    say("delivered", receipt=next_event(alice, "rcpt", lambda _, rows: rows[0][1] == 2))

    bob.stop()
    for number in range(1, 6):
        alice.call("SendMessage", [direct, {"id": f"away-{number}", "text": f"away {number}"}])
    bob = connect("bob")
    missed, more = [], True
    while more:
        page = bob.call("ReadNewMessages", [2])
        missed += page["messages"]
        more = page["more"]
        bob.call("Acknowledge", [direct, missed[-1]["seq"]])
    say("returned", missed=missed, then=bob.call("ReadNewMessages", []))

    bob.call("MarkSeen", [direct, 7])
    receipt = next_event(alice, "rcpt", lambda _, rows: rows[0][3] == 7)
    say("seen", receipt=receipt, info=alice.call("MessageInfo", [direct, 7]))

    bob.call("SetTyping", [direct, True])
    say("typing", typing=next_event(alice, "typ"))

    carol = connect("carol")
    group = alice.call("InitiateGroupChatSession", [{"name": "Trio", "members": [ids["bob"]]}])
    [to_bob] = next_event(bob, "conv")
    added = alice.call("AddUserToGroup", [group, ids["carol"]])
    [to_carol] = next_event(carol, "conv")
    alice.call("SendMessage", [group, {"id": "to-all", "text": "Hello, both"}])

    def is_text(*arguments):
        return arguments[3]["type"] == "text"

    received = [next_event(bob, "msg", is_text), next_event(carol, "msg", is_text)]
    past = carol.call("History", [group])
    say("group", id=group, announced=[to_bob, to_carol], added=added, received=received, past=past)

    page = bob.call("History", [direct, {"limit": 3}])
    say("history", page=page, streamed={"items": bob.stream("StreamHistory", [direct])})
    mallory = connect("mallory")
    say(
        "refused",
        errors=[
            refusal(lambda: mallory.call("SendMessage", [direct, {"id": "x", "text": "let me in"}])),
            refusal(lambda: mallory.call("History", [group])),
            refusal(lambda: mallory.stream("StreamHistory", [direct])),
        ],
    )

    status, _ = post(url, "/api/auth/logout", token=accounts["bob"]["token"])
    closed = bob.wait_closed()
    try:
        connect("bob")
        refused = ""
    except Exception as error:
        refused = str(error) or repr(error)
    say("logged out", status=status, closed=closed, refused=refused)


def main(Client):
    try:
        converse(sys.argv[1], Client)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)  # the clients' threads linger
