"""Hand a letter to the servers of its domain, in order: python examples/send_mail.py [RECIPIENT ...]."""

import asyncio
import sys
from email.message import EmailMessage

import aiosmtplib

from aioresolver import AddressBlocked, NameNotFound, NameSyntaxError, NoRecords, ResolutionError, Resolver

SENDER = "shop@example.net"
RECIPIENTS = ("you@example.org", "you@example.net", "you@example.com", "you@no.example.org")


def letter(recipient: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = SENDER
    message["To"] = recipient
    message["Subject"] = "Your order"
    message.set_content("It is on its way.")
    return message


async def hand_over(resolver: Resolver, host: str, message: EmailMessage) -> None:
    """Give the message to this mail server."""
    sock = await resolver.connect(host, 25, timeout=30)
    async with aiosmtplib.SMTP(hostname=None, port=None, sock=sock, local_hostname="shop.example.net") as client:
        await client.send_message(message)


async def deliver(resolver: Resolver, message: EmailMessage) -> tuple[str, str]:
    """`delivered`, `returned` or `later`, and why."""
    try:
        servers = await resolver.mail_servers(message["To"].rpartition("@")[2])
    except (NameNotFound, NoRecords, AddressBlocked, NameSyntaxError) as error:  # it will not get better
        return "returned", str(error)
    except ResolutionError as error:  # nobody answered
        return "later", str(error)
    reason = "nobody tried"
    for server in servers:
        try:
            await hand_over(resolver, server.host, message)
        except aiosmtplib.SMTPResponseException as error:
            reason = f"{server.host} says {error.code} {error.message}"
            if error.code >= 500:
                return "returned", reason
        except (OSError, aiosmtplib.SMTPException) as error:
            reason = f"{server.host}: {error}"
        else:
            return "delivered", f"to {server.host}"
    return "later", reason


async def main(*recipients: str) -> None:
    async with Resolver() as resolver:
        for recipient in recipients or RECIPIENTS:
            print(recipient, *await deliver(resolver, letter(recipient)))


asyncio.run(main(*sys.argv[1:]))
