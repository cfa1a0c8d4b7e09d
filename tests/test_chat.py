#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mlc chat on a real terminal (a pty): editing, commands, Ctrl-C, wrong input.

Plain Python, no packages.  The last line is "N passed, N failed".
"""
import os
import pty
import select
import signal
import sys
import tempfile
import time

MLC = os.environ.get("MLC", "build/mlc")
DATA = os.environ.get("MLC_TEST_DATA", "build")
REAL = DATA + "/models/smollm2.gguf"
TINY = "tests/golden/tiny/gguf/llama/llama-Q4_0.gguf"
passed = failed = 0


def check(name, good, shown=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"test_chat.py: [{name}] {shown[-400:]!r}", file=sys.stderr)


class Chat:
    """A program on a pty; what it prints is collected in self.seen."""

    def __init__(self, *arguments):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.execv(MLC, [MLC, "chat", *arguments])
        self.seen = ""
        self.until(">>> ")
        time.sleep(0.3)      # a Ctrl-D before the line editor is ready is lost

    def read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            piece = os.read(self.fd, 65536)
        except OSError:
            return False
        self.seen += piece.decode("utf-8", "replace")
        return bool(piece)

    def until(self, text, seconds=60):
        """Wait for text; gives what came up to it and forgets that."""
        end = time.time() + seconds
        while text not in self.seen and time.time() < end:
            if not self.read(0.2) and self.ended():
                break
        before, found, after = self.seen.partition(text)
        self.seen = after
        return before + found

    def say(self, text, wait=">>> ", seconds=60):
        os.write(self.fd, text.encode())
        return self.until(wait, seconds)

    def ended(self):
        if self.pid == 0:
            return True
        pid, self.status = os.waitpid(self.pid, os.WNOHANG)
        if pid != 0:
            self.pid = 0
        return pid != 0

    def end(self, seconds=10):
        end = time.time() + seconds
        while not self.ended() and time.time() < end:
            self.read(0.1)
        if self.pid != 0:
            os.kill(self.pid, signal.SIGKILL)
            return None
        return os.waitstatus_to_exitcode(self.status)


def test_tiny():
    chat = Chat(TINY)
    help_text = chat.say("/help\r")
    for command in ("help exit stats metrics reset reload set save load regen").split():
        check("help lists /" + command, "/" + command in help_text, help_text)
    text = chat.say("/dance\r")
    check("a wrong command explains itself", "/dance" in text and "/help" in text, text)
    text = chat.say("/set temperature=0;top_p=0.8;seed=23;max_tokens=12;stop=str1,str2\r")
    text = chat.say("/set\r")
    for part in ("temperature", "0.8", "23", "12", "str1", "str2"):
        check("/set shows " + part, part in text, text)
    text = chat.say("/set heat=3\r")
    check("a wrong option is named", "heat" in text.replace("/set heat", ""), text)
    text = chat.say("/set temperature=hot\r")
    check("a wrong value is named", "temperature" in text.split("\n", 1)[-1], text)
    first = chat.say("abc\r")
    check("an answer", len(first) > 10, first)
    text = chat.say("/stats\r")
    check("/stats", "token" in text, text)
    text = chat.say("/metrics\r")
    check("/metrics", "requests" in text, text)
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/talk.json"
        text = chat.say(f"/save {path}\r")
        check("/save", os.path.exists(path) and "abc" in open(path).read(), text)
        chat.say("/reset\r")
        text = chat.say(f"/load {path}\r")
        check("/load", "cannot" not in text, text)
        text = chat.say(f"/load {folder}/none\r")
        check("/load names a file that is not there", "none" in text.split("\n", 1)[-1], text)
        open(path, "w").write("{]")
        text = chat.say(f"/load {path}\r")
        check("/load of nonsense is an error", "talk.json" in text.split("\n", 1)[-1], text)
    text = chat.say("/regen\r")
    check("/regen", len(text) > 10, text)
    text = chat.say("/reload /no/such/model\r")
    check("/reload names the file", "model" in text.split("\n", 1)[-1], text)
    text = chat.say("/reload\r")
    text = chat.say("abc\r")
    check("it goes on after that", len(text) > 10, text)
    # editing: two letters typed wrong, taken back, and the line before recalled
    text = chat.say("/hezz\x7f\x7flp\r")
    check("backspace", "/metrics" in text, text)
    os.write(chat.fd, b"\x1b[A")
    text = chat.until("/help", 5)
    check("history", text.endswith("/help"), text)
    chat.say("\r", "Ctrl-C")
    chat.until(">>> ")
    os.write(chat.fd, b"/exit\r")
    check("/exit", chat.end() == 0)

    chat = Chat(TINY)
    os.write(chat.fd, b"\x04")
    check("Ctrl-D leaves", chat.end() == 0)


def test_real():
    chat = Chat(REAL, "--temperature", "0")
    text = chat.say("What is the capital of France?\r")
    check("an answer", "Paris" in text, text)
    # Ctrl-C stops the answer and not the program
    chat.say("/set max_tokens=2000\r")
    os.write(chat.fd, b"Write a very long story about a river.\r")
    chat.until("\n")
    time.sleep(0.5)
    start = time.time()
    text = chat.say("\x03", seconds=20)
    check("Ctrl-C stops the answer", time.time() - start < 3 and text.endswith(">>> "), text)
    text = chat.say("/set max_tokens=20\r")
    text = chat.say("What is the capital of Italy?\r")
    check("and not the program", "Rome" in text, text)
    # Escape, Enter: a message of two lines
    chat.say("/reset\r")
    text = chat.say("/set system=Answer in one word.\r")
    os.write(chat.fd, b"My name is Ada.\x1b\r")
    time.sleep(0.3)
    text = chat.say("What is my name?\r")
    with tempfile.TemporaryDirectory() as folder:
        chat.say(f"/save {folder}/talk\r")
        saved = open(folder + "/talk").read()
    check("Escape Enter starts a new line", "Ada.\\nWhat is my name?" in saved, saved)
    check("the system prompt is set", "Answer in one word." in saved, saved)
    os.write(chat.fd, b"\x03")
    check("Ctrl-C at the prompt stays", chat.say("/help\r") != "" and not chat.ended())
    os.write(chat.fd, b"/exit\r")
    check("exit", chat.end() == 0)


test_tiny()
if os.path.exists(REAL):
    test_real()
elif os.environ.get("MLC_TEST_STRICT"):
    check("a real model", False, REAL + " is not here")
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
