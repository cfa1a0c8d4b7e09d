#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mlc pull against a server on this machine that stalls, cuts off, lies, redirects, and has
another version of a file when it is asked for the rest; mlc list, mlc remove."""
import hashlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

MLC = os.environ.get("MLC", "build/mlc")
passed = failed = 0
work = tempfile.mkdtemp(prefix="mlc-pull-")


def check(what, good, more=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("test_pull.py: %s: %s" % (what, more), file=sys.stderr)


# ---- the server --------------------------------------------------------------------------------

def bytes_of(name, n):
    out, block = b"", hashlib.sha256(name.encode()).digest()
    while len(out) < n:
        block = hashlib.sha256(block).digest()
        out += block
    return out[:n]


class Hub:
    """Files by name, and what is wrong with the next answers: a list for each name."""

    def __init__(self):
        self.files, self.faults, self.log, self.lists = {}, {}, [], {}
        self.etags, self.wrong_list, self.need_token = {}, {}, False

    def put(self, repo, name, body):
        self.files["/%s/resolve/main/%s" % (repo, name)] = body
        self.lists.setdefault(repo, {})[name] = body

    def listing(self, repo):
        out = [{"type": "directory", "path": "folder", "size": 0}]
        for name, body in self.lists[repo].items():
            e = {"type": "file", "path": name, "size": len(body), "oid": "0" * 40}
            if not name.endswith(".json"):
                e["lfs"] = {"oid": hashlib.sha256(body).hexdigest(), "size": len(body)}
            e.update(self.wrong_list.get(name, {}))
            out.append(e)
        return json.dumps(out).encode()


hub = Hub()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body, headers=(), length=None):
        self.send_response(status)
        for k, v in headers:
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass
        if length is not None and length > len(body):
            self.close_connection = True

    def do_GET(self):
        path = urllib.parse.unquote(self.path.split("?")[0])
        hub.log.append((path, self.headers.get("Range"), self.headers.get("Authorization")))
        if hub.need_token and self.headers.get("Authorization") != "Bearer secret":
            return self.answer(401, b"who are you")
        if path.startswith("/api/models/"):
            repo = path[len("/api/models/"):].split("/tree/")[0]
            if repo not in hub.lists:
                return self.answer(404, b"")
            return self.answer(200, hub.listing(repo))
        fault = (hub.faults.get(path) or [None]).pop(0) if hub.faults.get(path) else None
        if path.startswith("/moved/"):
            path = path[len("/moved"):]
        if fault == "redirect":
            return self.answer(302, b"", [("Location", "/moved" + path)])
        if fault == "loop":
            hub.faults[path] = ["loop"] * 20
            return self.answer(302, b"", [("Location", path)])
        if fault == "file-scheme":
            return self.answer(302, b"", [("Location", "file:///etc/passwd")])
        if fault in (500, 503, 404, 429):
            return self.answer(fault, b"no")
        if fault == "change":
            hub.files[path] = bytes(b ^ 0x55 for b in hub.files[path])
            hub.etags[path] = '"new"'
        if path not in hub.files:
            return self.answer(404, b"")
        return self.file(path, hub.files[path], fault)

    def file(self, path, body, fault):
        etag = hub.etags.get(path, '"%s"' % hashlib.md5(path.encode()).hexdigest())
        headers, status, part = [("ETag", etag)], 200, body
        if fault == "no-etag":
            headers = []
        asked = self.headers.get("Range")
        fits = self.headers.get("If-Range") in (None, etag) or fault == "ignores-if-range"
        if asked and fits and fault != "no-ranges":
            begin = int(asked[len("bytes="):].rstrip("-"))
            if begin >= len(body):
                return self.answer(416, b"")
            if fault == "wrong-range":
                begin -= 100
            status, part = 206, body[begin:]
            headers.append(("Content-Range", "bytes %d-%d/%d" % (begin, len(body) - 1, len(body))))
        if fault == "cut":
            return self.answer(status, part[:len(part) // 2], headers, len(part))
        if fault == "stall":
            self.send_response(status)
            for k, v in headers:
                self.send_header(k, v)
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part[:len(part) // 3])
            self.wfile.flush()
            hub.stalled.wait(20)
            self.close_connection = True
            return None
        if fault == "flip":
            part = part[:10] + bytes([part[10] ^ 1]) + part[11:]
        if fault == "long":
            return self.answer(status, part + b"more", headers)
        if fault == "short":
            return self.answer(status, part[:-7], headers)
        if fault == "endless":
            self.send_response(200)
            self.end_headers()
            try:
                for _ in range(2000):
                    self.wfile.write(b"x" * 65536)
            except OSError:
                pass
            self.close_connection = True
            return None
        return self.answer(status, part, headers)


hub.stalled = threading.Event()


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        pass                             # clients go away here


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
ENDPOINT = "http://127.0.0.1:%d" % server.server_port

# ---- running ------------------------------------------------------------------------------------


def mlc(*args, **env):
    e = {k: v for k, v in os.environ.items()
         if not k.startswith(("HF_", "MLC_", "XDG_")) and not k.lower().endswith("_proxy")}
    e.update(MLC_CACHE=work + "/cache", HF_ENDPOINT=ENDPOINT, HF_HOME=work + "/hf", HOME=work)
    e.update(env)
    p = subprocess.run([MLC, *args], capture_output=True, text=True, env=e, timeout=120)
    return p.returncode, p.stdout.strip(), p.stderr.strip()


def pull(name, *more, **env):
    return mlc("pull", name, *more, **env)


def asked(path):
    return [x for x in hub.log if x[0] == path]


def leftovers(folder):
    return [f for _, _, files in os.walk(folder) for f in files if f.endswith((".part", ".etag"))]


def test_good():
    body = bytes_of("one", 300000)
    hub.put("me/one", "one.Q4_K_M.gguf", body)
    hub.put("me/one", "one.Q8_0.gguf", bytes_of("q8", 1000))
    hub.put("me/one", "README.md", b"read me")
    rc, path, err = pull("HF://me/one")
    check("the usual format", rc == 0 and path.endswith("/me--one/one.Q4_K_M.gguf"), (path, err))
    check("the same bytes", rc == 0 and open(path, "rb").read() == body)
    n = len(hub.log)
    check("no second time", pull("hf.co/me/one")[1] == path and len(hub.log) == n, hub.log[n:])
    for name in ("hf.co/me/one:Q8_0", "https://huggingface.co/me/one/resolve/main/one.Q8_0.gguf",
                 "hf://me/one:one.Q8_0.gguf"):
        rc, path, err = pull(name)
        check(name, rc == 0 and path.endswith("/one.Q8_0.gguf"), (path, err))
    check("a format that is not there", pull("hf.co/me/one:Q2_K")[0] == 1)
    check("nothing half done", not leftovers(work))
    rc, path, err = pull(ENDPOINT + "/me/one/resolve/main/one.Q8_0.gguf?download=true")
    check("a URL", rc == 0 and path.endswith("/one.Q8_0.gguf") and "url--" in path, (path, err))
    rc, out, err = mlc("list")
    check("what is kept", rc == 0 and "hf.co/me/one:one.Q4_K_M.gguf" in out and ENDPOINT in out
          and "0.3 MB" in out, out + err)


def test_folder():
    for name, n in (("config.json", 50), ("model.safetensors", 5000), ("tokenizer.json", 700),
                    ("pytorch_model.bin", 900), ("onnx/model.onnx", 900), ("a b+c.json", 20)):
        hub.put("me/folder", name, bytes_of(name, n))
    rc, path, err = pull("hf.co/me/folder")
    have = sorted(os.listdir(path)) if rc == 0 else []
    check("a folder", [x for x in have if x[0] != "."]
          == ["a b+c.json", "config.json", "model.safetensors", "tokenizer.json"], (have, err))
    n = len(hub.log)
    check("it is complete", pull("hf.co/me/folder")[1] == path and len(hub.log) == n)
    os.remove(path + "/.complete")
    check("offline it is not", pull("hf.co/me/folder", "--offline")[0] == 1)
    rc, path, err = pull("hf.co/me/folder")
    check("what is there is kept", rc == 0 and len(hub.log) == n + 1, hub.log[n:])
    rc, path, err = pull("hf.co/me/folder", "--cache-policy", "redo")
    check("redo", rc == 0 and len(hub.log) == n + 6, hub.log[n:])
    rc, path, err = pull("hf.co/me/folder", "--cache-policy", "off")
    check("off", rc == 0 and "/once--" in path and os.path.exists(path + "/config.json"), path)
    check("not listed twice", mlc("list")[1].count("me/folder") == 2, mlc("list")[1])
    for name in ("mlc-chat-config.json", "params_shard_0.bin", "params_shard_1.bin",
                 "tensor-cache.json"):
        hub.put("me/mlc", name, bytes_of(name, 300))
    rc, path, err = pull("hf.co/me/mlc")
    check("MLC's", rc == 0 and len([x for x in os.listdir(path) if x[0] != "."]) == 4, err)


def one_with(faults, name, n=400000, **env):
    """A file whose next answers have these faults."""
    repo = "me/" + name
    hub.put(repo, "m.gguf", bytes_of(name, n))
    hub.faults["/%s/resolve/main/m.gguf" % repo] = list(faults)
    rc, path, err = pull("hf.co/" + repo, **env)
    good = rc == 0 and open(path, "rb").read() == hub.lists[repo]["m.gguf"]
    return good, err, asked("/%s/resolve/main/m.gguf" % repo), repo


def test_faults():
    for faults in (["cut"], ["cut", "cut", "cut"], [503, "cut", 429], ["redirect"],
                   ["redirect", "cut"], ["no-etag"], ["cut", "no-ranges"], ["cut", "wrong-range"],
                   ["flip", None], ["cut", "flip", None]):
        name = "-".join(str(f) for f in faults)
        good, err, log, _ = one_with(faults, name)
        if faults == ["flip", None]:        # nothing was resumed: the source is wrong
            check("%s is told" % name, not good and "sha256" in err, err)
        else:
            check(name, good, err)
        if faults == ["cut"]:
            check("the rest alone", len(log) == 2 and log[1][1] == "bytes=200000-", log)
    for faults, word in ((["long"], "bytes"), (["short"], "bytes"), (["loop"], "redirect"),
                         (["file-scheme"], ""), ([404], "no such file"), ([500] * 9, "500")):
        good, err, log, repo = one_with(faults, "bad-" + str(faults[0]))
        check("%s: an error" % faults[0], not good and word in err, err)
        check("%s: no file" % faults[0],
              not os.path.exists("%s/cache/models/%s/m.gguf" % (work, repo.replace("/", "--"))))
    good, err, log, _ = one_with(["cut", "change"], "changed")
    check("changed between ranges", not good and "sha256" in err, err)
    check("its first half was not kept", log[-1][1] is None or len(log) == 2, log)


def test_ranges_of_another():
    """The file changes, the list too: what is there of the old one is of no use."""
    hub.put("me/moving", "m.gguf", bytes_of("old", 400000))
    at = "/me/moving/resolve/main/m.gguf"
    hub.faults[at] = ["cut"] + [500] * 9
    check("half of it", pull("hf.co/me/moving")[0] == 1 and leftovers(work + "/cache"))
    hub.put("me/moving", "m.gguf", bytes_of("new", 400000))
    hub.etags[at], hub.faults[at] = '"new"', ["ignores-if-range"]
    rc, path, err = pull("hf.co/me/moving")
    check("the new one", rc == 0 and open(path, "rb").read() == bytes_of("new", 400000), err)


def test_resume():
    hub.put("me/later", "m.gguf", bytes_of("later", 600000))
    at = "/me/later/resolve/main/m.gguf"
    hub.faults[at] = ["cut"] + [500] * 9
    check("stopped halfway", pull("hf.co/me/later")[0] == 1)
    n = len(hub.log)
    rc, path, err = pull("hf.co/me/later")
    check("goes on there", rc == 0 and open(path, "rb").read() == bytes_of("later", 600000)
          and asked(at)[-1][1] == "bytes=300000-", (err, hub.log[n:]))
    check("nothing is left", not [f for f in os.listdir(os.path.dirname(path)) if "part" in f])


def test_stall():
    hub.put("me/stall", "m.gguf", bytes_of("stall", 300000))
    hub.faults["/me/stall/resolve/main/m.gguf"] = ["stall"]
    begun = time.time()
    rc, path, err = pull("hf.co/me/stall", MLC_STALL_MS="1000")
    check("a stall", rc == 0 and time.time() - begun < 15, err)
    hub.stalled.set()


def test_endless():
    path = "/endless.gguf"
    hub.files[path], hub.faults[path] = b"x", ["endless"]
    rc, out, err = pull(ENDPOINT + path, "--verbose")
    check("a URL without a length is taken as it comes", rc == 0
          and os.path.getsize(out) == 2000 * 65536, err)
    repo, at = "me/endless", "/me/endless/resolve/main/m.gguf"
    hub.put(repo, "m.gguf", bytes_of("x", 1000))
    hub.faults[at] = ["endless"]
    rc, out, err = pull("hf.co/" + repo)
    check("one that was listed is not", rc == 1 and "more than the 1000 bytes" in err, err)


def test_lists():
    hub.put("me/liar", "m.gguf", bytes_of("liar", 1000))
    hub.wrong_list["m.gguf"] = {"size": 999}
    check("a size that is not so", "not the 999" in pull("hf.co/me/liar")[2])
    hub.wrong_list["m.gguf"] = {"path": "../../../outside.gguf"}
    rc, out, err = pull("hf.co/me/liar", "--cache-policy", "redo")
    check("a path to elsewhere", rc == 1 and not os.path.exists(work + "/outside.gguf"), err)
    hub.wrong_list.clear()
    listing, hub.listing = hub.listing, lambda repo: b"[" * 100000
    check("a list that is none", pull("hf.co/me/liar")[0] == 1)
    hub.listing = lambda repo: b" " * (17 << 20)
    check("a list without end", "too long" in pull("hf.co/me/liar")[2])
    hub.listing = listing
    rc, out, err = pull("hf.co/me/nothing")
    check("no such model", rc == 1 and "no such" in err, err)
    for name in ("HF://me", "hf.co/me/", "hf.co/../x", "hf.co/a/b:../c", "hf.co/a/b c"):
        rc, out, err = pull(name)
        check("\"%s\" is no name" % name, rc == 1 and "no name" in err, err)


def test_token():
    hub.put("me/secret", "m.gguf", bytes_of("secret", 1000))
    hub.need_token = True
    rc, out, err = pull("hf.co/me/secret")
    check("private", rc == 1 and "token is needed" in err, err)
    rc, out, err = pull("hf.co/me/secret", HF_TOKEN="wrong")
    check("another's token", rc == 1 and "may not" in err, err)
    check("the right one", pull("hf.co/me/secret", HF_TOKEN="secret")[0] == 0)
    hub.need_token = False
    hub.files["/plain.gguf"] = b"plain"
    pull(ENDPOINT + "/plain.gguf", HF_TOKEN="secret")
    check("not to other servers", asked("/plain.gguf")[-1][2] is None, asked("/plain.gguf"))


def test_here():
    base = work + "/hf/hub/models--you--here"
    os.makedirs(base + "/refs")
    os.makedirs(base + "/snapshots/abc123")
    os.makedirs(base + "/blobs")
    with open(base + "/refs/main", "w") as f:
        f.write("abc123")
    with open(base + "/blobs/x", "wb") as f:
        f.write(b"here")
    os.symlink("../../blobs/x", base + "/snapshots/abc123/h.Q4_0.gguf")
    n = len(hub.log)
    rc, path, err = pull("hf.co/you/here:q4_0")
    check("Hugging Face's own folder", rc == 0 and open(path, "rb").read() == b"here"
          and len(hub.log) == n, (path, err))
    check("offline", pull("hf.co/you/here", "--offline")[1] == path)
    rc, out, err = pull("hf.co/you/there", "--offline")
    check("offline and not here", rc == 1 and "offline" in err, err)
    rc, out, err = pull("hf.co/you/there", MLC_DOWNLOAD_CACHE_POLICY="READONLY")
    check("read only", rc == 1 and "only read" in err and len(hub.log) == n, err)
    check("no such policy", pull("hf.co/you/here", "--cache-policy", "maybe")[0] == 1)


def test_two():
    hub.put("me/two", "m.gguf", bytes_of("two", 2000000))
    at = "/me/two/resolve/main/m.gguf"
    results = []
    threads = [threading.Thread(target=lambda: results.append(pull("hf.co/me/two")))
               for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check("four at once", [r[0] for r in results] == [0] * 4 and len(asked(at)) == 1,
          (results, asked(at)))


def test_remove():
    check("remove a file", mlc("remove", "hf.co/me/one:Q8_0")[0] == 0
          and "one.Q8_0" not in mlc("list")[1].replace(ENDPOINT, "")
          .replace("/me/one/resolve/main/one.Q8_0", ""), mlc("list")[1])
    check("the other is there", "one.Q4_K_M" in mlc("list")[1])
    check("remove a model", mlc("remove", "HF://me/folder")[0] == 0)
    check("it is gone", not os.path.exists(work + "/cache/models/me--folder"))
    rc, out, err = mlc("remove", "hf.co/me/folder")
    check("not twice", rc == 1 and "not kept" in err, err)


def test_model():
    """A model by its name, answered by one command."""
    model = "build/golden/tiny/gguf/llama/llama-Q4_0.gguf"
    if not os.path.exists(model):
        model = "tests/golden/tiny/gguf/llama/llama-Q4_0.gguf"
    hub.put("me/tiny", "t.gguf", open(model, "rb").read())
    rc, out, err = mlc("info", "hf.co/me/tiny", "--json")
    check("info of a name", rc == 0 and json.loads(out)["architecture"] == "llama", (out, err))


try:
    for test in (test_good, test_folder, test_faults, test_ranges_of_another, test_resume,
                 test_stall, test_endless, test_lists, test_token, test_here, test_two,
                 test_remove, test_model):
        test()
finally:
    shutil.rmtree(work, ignore_errors=True)
print("%d passed, %d failed" % (passed, failed))
sys.exit(failed != 0)
