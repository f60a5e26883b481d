"""Servers made with aiosmtpd, one a port, each with its own fault.

The file that is named has a JSON list of objects: address, port, and what differs from a healthy
server.
"""

import asyncio
import json
import ssl
import sys

from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP, AuthResult


class Handler(Sink):
    """Refuses what its fault is about."""

    def __init__(self, fault):
        self.fault = fault

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        if "refuse_ehlo" in self.fault:
            return [self.fault["refuse_ehlo"]]
        session.host_name = hostname
        if self.fault.get("no_auth"):
            responses = [line for line in responses if not line.startswith("250-AUTH")]
        return responses

    async def handle_HELO(self, server, session, envelope, hostname):
        if "refuse_ehlo" in self.fault:
            return self.fault["refuse_ehlo"]
        session.host_name = hostname
        return "250 " + server.hostname


class Server(SMTP):
    """Greets as its fault demands."""

    fault = {}

    async def push(self, status):
        if "greeting" in self.fault and not getattr(self, "greeted", False):
            self.greeted = True
            await super().push(self.fault["greeting"])
            self.transport.close()
            return
        await super().push(status)


def nobody(server, session, envelope, mechanism, auth_data):
    return AuthResult(success=False)


def tls(fault):
    if fault.get("tls") == "none":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if "ciphers" in fault:
        context.set_ciphers(fault["ciphers"])
    if "identity" in fault:
        context.load_cert_chain(fault["identity"])
    if "version" in fault:
        context.minimum_version = context.maximum_version = ssl.TLSVersion[fault["version"]]
    if fault.get("client_certificate"):
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(fault["identity"])
    return context


def factory(fault):
    context = tls(fault)
    at_once = fault.get("tls") == "at once"

    def make():
        server = Server(
            Handler(fault),
            hostname="mail.example",
            ident=fault.get("ident", "ESMTP aiosmtpd"),
            tls_context=None if at_once else context,
            authenticator=nobody,
            auth_require_tls=not (at_once or fault.get("auth_in_clear", False)),
            timeout=60,
        )
        server.fault = fault
        return server

    return make, context if at_once else None


async def main():
    loop = asyncio.get_running_loop()
    with open(sys.argv[1], encoding="utf-8") as faults:
        for fault in json.load(faults):
            make, context = factory(fault)
            await loop.create_server(make, fault["address"], fault["port"], ssl=context)
    await asyncio.Event().wait()


asyncio.run(main())
