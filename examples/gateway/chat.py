#!/usr/bin/env python3
"""A chat client for the gateway of a mesh: Python's standard library, and docs/gateway.md.

    chat.py NAME HOST:PORT [HOST:PORT ...]

What is typed is said to everyone, but for these:

    @members         who is there
    @msg NAME TEXT   speaks to one alone
    @help            this list
    @exit            leaves; so do Ctrl-C and Ctrl-D
    @@...            says a text that begins with @

When the peer that it is connected to dies, or says nothing for 15 s, it goes on through the next address, under the same name if that is
still free, and otherwise under another.
"""

import os
import selectors
import socket
import struct
import sys
import time
import unicodedata

JOIN, LEAVE, MESSAGE, LIST, DIRECT, ERROR = range(6)

CONNECT_TIMEOUT = 3  # seconds for one address
ROUNDS = 40  # how often all addresses are tried before it gives up
PAUSE = 0.25  # seconds between two rounds
SAME_NAME = 3  # how often the same name is asked for again after a peer died: the others may not have noticed yet
OTHER_NAMES = 20  # how many others are asked for
QUIET = 10  # seconds without a word from the peer, after which it is asked who is there
PATIENCE = 5  # seconds that it has to answer
LONGEST = 65535


def main():
    if sys.argv[1:] and sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        sys.exit(0)
    if len(sys.argv) < 3:
        fail("it needs a name and an address: chat.py NAME HOST:PORT [HOST:PORT ...]")
    try:
        sys.exit(Chat(name(sys.argv[1]), [address(text) for text in sys.argv[2:]]).run())
    except KeyboardInterrupt:
        sys.exit(0)


def fail(why, code=2):
    print(f"chat.py: {why}", file=sys.stderr)
    sys.exit(code)


def name(text):
    """What the peer would refuse under any circumstances need not be asked for."""
    bad = any(char.isspace() or unicodedata.category(char) in ("Cc", "Cs") for char in text)
    if bad or not 1 <= len(text) <= 32 or text.startswith("@"):
        fail(f"{ascii(text)} is no name: 1 to 32 characters, no white space, no @ at the beginning")
    return text


def address(text):
    """`host:port` as a pair."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        fail(f"`{text}` is no address: write HOST:PORT")
    return host.strip("[]"), int(port)


def frame(kind, text=""):
    """A frame: a type, a length of two bytes in network order, and so many bytes."""
    payload = text.encode()[:LONGEST].decode(errors="ignore").encode()  # cut at a character
    return struct.pack(">BH", kind, len(payload)) + payload


class Frames:
    """Takes a stream of bytes apart, wherever it was cut."""

    def __init__(self):
        self.buffer = b""

    def feed(self, data):
        self.buffer += data
        while len(self.buffer) >= 3:
            kind, length = struct.unpack(">BH", self.buffer[:3])
            if len(self.buffer) < 3 + length:
                return
            payload, self.buffer = self.buffer[3 : 3 + length], self.buffer[3 + length :]
            yield kind, payload


class Chat:
    def __init__(self, name, addresses):
        self.wanted = self.name = name
        self.addresses = addresses
        self.next = 0  # which address is tried next
        self.socket = None
        self.frames = Frames()
        self.joined = False
        self.was_member = False
        self.tries = 0
        self.heard_at = 0
        self.asked_at = None  # when it was asked who is there only to see whether it lives
        self.typed = b""
        self.pending = []  # lines that were typed before it was a member
        self.leaving = None  # since when; a member leaves at once, and who is none yet once it is
        self.left = False
        self.prompts = sys.stdin.isatty()

    def run(self):
        self.connect()
        with selectors.SelectSelector() as events:  # takes files as well
            self.events = events
            events.register(sys.stdin, selectors.EVENT_READ)
            events.register(self.socket, selectors.EVENT_READ)
            while not self.left:
                ready = events.select(1)
                self.heed_silence()
                for key, _ in ready:
                    if key.fileobj is self.socket:
                        self.hear()
                    elif key.fileobj is sys.stdin and not self.read_keyboard():
                        events.unregister(sys.stdin)
                        self.leave()
        return 0

    # The connection.

    def connect(self):
        for attempt in range(ROUNDS):
            if attempt:
                time.sleep(PAUSE)
            for _ in self.addresses:
                host, port = self.addresses[self.next]
                self.next = (self.next + 1) % len(self.addresses)
                try:
                    self.socket = socket.create_connection((host, port), CONNECT_TIMEOUT)
                    self.socket.settimeout(PATIENCE)
                    self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.socket.sendall(frame(JOIN, self.name))
                except OSError:
                    continue
                self.frames = Frames()
                self.heard_at, self.asked_at = time.monotonic(), None
                self.show(f"**connected to {host}:{port}**")
                return
        fail("nobody answers at any of these addresses", 4)

    def reconnect(self):
        self.events.unregister(self.socket)
        self.socket.close()
        self.show("**the connection is lost: trying the next**")
        self.joined, self.tries = False, 0
        self.connect()
        self.events.register(self.socket, selectors.EVENT_READ)

    def send(self, kind, text=""):
        try:
            self.socket.sendall(frame(kind, text))
        except OSError:
            pass  # it is read next, and its end is seen there

    def heed_silence(self):
        """A peer that hangs keeps its connections: only its silence tells."""
        now = time.monotonic()
        if self.leaving is not None and self.joined and now - self.leaving > PATIENCE:
            self.left = True
        if now - self.heard_at < QUIET:
            return
        if self.asked_at is None:
            self.asked_at = now
            self.send(LIST)
        elif now - self.asked_at > PATIENCE:
            self.reconnect()

    # What comes in.

    def hear(self):
        try:
            data = self.socket.recv(65536)
        except OSError:
            data = b""
        if not data and self.leaving is not None and self.joined:
            self.left = True
            return
        if not data:
            self.reconnect()
            return
        self.heard_at = time.monotonic()
        for kind, payload in self.frames.feed(data):
            self.act(kind, payload)

    def act(self, kind, payload):
        text = payload.decode(errors="replace")
        if kind == JOIN:
            self.admitted() if payload == b"\0" else self.refused()
        elif kind == LIST and self.asked_at is not None:
            self.asked_at = None
        elif kind == LIST:
            self.show("members: " + ", ".join(text.split("\n")))
        elif kind == ERROR:
            self.show(f"! {text}")
        elif self.joined:
            self.show(text)
        # Before it is a member there is but one: the list of commands, for those who speak the protocol by hand.
        if kind == MESSAGE and text.startswith("**You are now called ") and text.endswith("**"):
            self.name = text[len("**You are now called ") : -2]

    def admitted(self):
        self.joined = self.was_member = True
        self.tries = 0
        self.show(f"**you are {self.name}** (@help lists the commands)")
        pending, self.pending = self.pending, []
        for line in pending:
            self.say(line)
        if self.leaving is not None:
            self.send(LEAVE)

    def refused(self):
        self.tries += 1
        if self.tries > SAME_NAME + OTHER_NAMES:
            fail(f"`{self.name}` is refused, like all before it: choose another name, or another peer", 3)
        time.sleep(PAUSE)
        if not self.was_member or self.tries > SAME_NAME:
            taken, number = self.name, self.tries + 1 - (SAME_NAME if self.was_member else 0)
            self.name = f"{self.wanted[:28]}-{number}"
            self.show(f"**{taken} is refused: trying {self.name}**")
        self.send(JOIN, self.name)

    # What is typed.

    def read_keyboard(self):
        data = os.read(sys.stdin.fileno(), 65536)
        if not data:
            self.typed_line(self.typed.decode(errors="replace"))
            return False
        *lines, self.typed = (self.typed + data).split(b"\n")
        return all(self.typed_line(line.decode(errors="replace")) for line in lines)

    def typed_line(self, line):
        if line == "@exit":
            return False
        if line == "@help":
            self.show(__doc__.strip().split("\n\n")[3])
        elif line.startswith("@") and line.split()[0] not in ("@members", "@msg") and not line.startswith("@@"):
            self.show(f"! there is no command `{line.split()[0]}`, nothing was sent (@help lists the commands)")
        elif line and self.joined:
            self.say(line)
        elif line:
            self.pending.append(line)
        self.prompt()
        return True

    def leave(self):
        """What was asked before is answered before the connection ends."""
        self.leaving = time.monotonic()
        if self.joined:
            self.send(LEAVE)

    def say(self, line):
        command, _, rest = line.partition(" ")
        if command == "@members":
            self.send(LIST)
        elif command == "@msg":
            self.send(DIRECT, rest.strip())
        else:
            self.send(MESSAGE, line.removeprefix("@"))

    # The screen.

    def show(self, text):
        if self.prompts:
            sys.stdout.write("\r\033[K")
        print(text, flush=True)
        self.prompt()

    def prompt(self):
        if self.prompts:
            print(f"{self.name}> ", end="", flush=True)


if __name__ == "__main__":
    main()
