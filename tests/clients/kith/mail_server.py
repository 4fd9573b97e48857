"""A mail server that takes everything: aiosmtpd with a certificate. Prints its port, then each message as a line of JSON.

Usage: mail_server.py starttls|tls CERTIFICATE KEY USERNAME PASSWORD
"""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

mode, certificate, key, username, password = sys.argv[1:]


def say(what):
    print(json.dumps(what), flush=True)


class Handler:
    async def handle_DATA(self, server, session, envelope):
        text = envelope.content.decode()
        say({"to": envelope.rcpt_tos, "text": text, "encrypted": session.ssl is not None or mode == "tls"})
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (username.encode(), password.encode())
    return AuthResult(success=right)


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)


async def serve():
    # Encrypted from the start, it does not see that it is.
    starttls = {"tls_context": context, "require_starttls": True} if mode == "starttls" else {"auth_require_tls": False}
    session = lambda: SMTP(Handler(), authenticator=authenticate, auth_required=True, hostname="localhost", **starttls)
    encrypted = context if mode == "tls" else None
    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0, ssl=encrypted)
    say({"port": server.sockets[0].getsockname()[1]})
    await server.serve_forever()


asyncio.run(serve())
