"""Runs the scenario in Python with the generated stubs of gen/python and grpcio.

../README.md explains each step.
"""

import base64
import json
import queue
import re
import subprocess
import sys
import threading
import time
import zlib

import grpc
from google.protobuf import json_format, message_factory
from google.rpc import error_details_pb2  # noqa: F401, so that details can be decoded
from grpc_status import rpc_status
from stasis.v1 import (
    gc_service_pb2,
    gc_service_pb2_grpc,
    remote_service_pb2,
    remote_service_pb2_grpc,
    replication_service_pb2,
    replication_service_pb2_grpc,
    snapshot_service_pb2,
    snapshot_service_pb2_grpc,
    system_service_pb2,
    system_service_pb2_grpc,
)

SERVICES = {
    "SnapshotService": (snapshot_service_pb2, snapshot_service_pb2_grpc.SnapshotServiceStub),
    "GcService": (gc_service_pb2, gc_service_pb2_grpc.GcServiceStub),
    "SystemService": (system_service_pb2, system_service_pb2_grpc.SystemServiceStub),
    "ReplicationService": (
        replication_service_pb2,
        replication_service_pb2_grpc.ReplicationServiceStub,
    ),
    "RemoteService": (remote_service_pb2, remote_service_pb2_grpc.RemoteServiceStub),
}

job_file = sys.argv[1]
with open(job_file, encoding="utf-8") as opened:
    job = json.load(opened)
variables: dict = {}
held: dict = {}
kept: dict = {}
children: dict = {}
channels: dict = {}


class Failure(Exception):
    """Reports a step whose outcome differs from the scenario."""


def text(value) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value)


def fill(value, names):
    """Replaces `${name}` in strings. A string that is one reference becomes the value itself."""
    if isinstance(value, str):
        whole = re.fullmatch(r"\$\{([\w.]+)\}", value)
        if whole:
            if whole[1] not in names:
                raise Failure(f"nothing was saved as {whole[1]}")
            return names[whole[1]]
        return re.sub(r"\$\{([\w.]+)\}", lambda match: text(names.get(match[1])), value)
    if isinstance(value, list):
        return [fill(each, names) for each in value]
    if isinstance(value, dict):
        return {key: fill(each, names) for key, each in value.items()}
    return value


def at(value, path):
    for key in path.split("."):
        if isinstance(value, list):
            value = value[int(key)] if int(key) < len(value) else ""
        else:
            value = value.get(key, "") if isinstance(value, dict) else ""
    return value


def fits(wanted, found, path="") -> str:
    """Returns the first difference, if any. An answer may have more fields than expected."""
    problem = f"{path}: expected {json.dumps(wanted)}"
    if wanted is None or found is None:
        return "" if wanted is found else problem
    if isinstance(wanted, str):
        came = text(found)
        if wanted == "*":
            return problem if came in ("", "{}", "[]") else ""
        fine = wanted[1:] in came if wanted.startswith("~") else came == wanted
        return "" if fine else problem
    if isinstance(wanted, list):
        if not isinstance(found, list) or len(found) != len(wanted):
            return problem
        pairs = enumerate(zip(wanted, found))
        return next((p for i, (w, f) in pairs if (p := fits(w, f, f"{path}.{i}"))), "")
    if isinstance(wanted, dict):
        if "$some" in wanted:
            every = all(any(not fits(want, one) for one in found) for want in wanted["$some"])
            return "" if every else problem
        if not isinstance(found, dict):
            return problem
        pairs = wanted.items()
        return next((p for key, want in pairs if (p := fits(want, found.get(key), f"{path}.{key}"))), "")
    return "" if wanted == found else problem


def to_json(message) -> dict:
    return json_format.MessageToDict(message)


def error_value(error) -> dict:
    if isinstance(error, grpc.FutureCancelledError):
        return {"code": "CANCELLED", "message": "", "details": []}
    status = rpc_status.from_call(error)
    details = [to_json(detail) for detail in status.details] if status else []
    value = {"code": error.code().name, "message": error.details(), "details": details}
    for detail in details:
        if detail["@type"].endswith("/google.rpc.ErrorInfo"):
            value.update({key: detail.get(key) for key in ("reason", "domain", "metadata")})
    return value


def pieces_of(pieces, size):
    """Yields the bytes of a body, in chunks."""
    for piece in pieces:
        left = piece.get("zeros", 0)
        block = bytes(min(left, size))
        while left > 0:
            yield block if left >= size else block[:left]
            left -= size
        content = kept[piece["kept"]] if "kept" in piece else base64.b64decode(piece.get("base64", ""))
        for start in range(0, len(content), size):
            yield content[start : start + size]


class Call:
    """Represents a started call. `outcome` waits for its end and returns (ok, value)."""

    def __init__(self, step):
        service, name = step["call"].split("/")
        descriptors, stub = SERVICES[service]
        method = descriptors.DESCRIPTOR.services_by_name[service].methods_by_name[name]
        self.step = step
        self.request = message_factory.GetMessageClass(method.input_type)
        target = job["targets"][step.get("at", "main")]
        channel = channels.setdefault(target, None) or grpc.insecure_channel(target)
        channels[target] = channel
        function = getattr(stub(channel), name)
        options = {
            "timeout": step.get("deadlineMs", 120_000) / 1000,
            "metadata": [(key, text(value)) for key, value in step.get("metadata", {}).items()],
        }
        self.frames: queue.Queue = queue.Queue(4)
        self.first = threading.Event()
        self.over = threading.Event()
        self.ended = (False, {})
        if isinstance(step.get("send"), list):
            self.call = function.future(self.requests(), **options)
            self.first.set()
        elif method.server_streaming:
            self.call = function(self.parse(step.get("send", {})), **options)
            threading.Thread(target=self.read_all, daemon=True).start()
            return
        else:
            self.call = function.future(self.parse(step.get("send", {})), **options)
        threading.Thread(target=self.read_one, daemon=True).start()

    def parse(self, value):
        return json_format.ParseDict(value, self.request())

    def requests(self):
        while (frame := self.frames.get()) is not None:
            yield frame

    def settle(self, ok, value):
        self.ended = (ok, value)
        self.first.set()
        self.over.set()

    def read_one(self):
        try:
            self.settle(True, to_json(self.call.result()))
        except (grpc.RpcError, grpc.FutureCancelledError) as error:
            self.settle(False, error_value(error))

    def read_all(self):
        """Counts and checks the chunks of a stream, and keeps the other messages."""
        messages, parts, offsets, total, crc = [], [], [], 0, 0
        file = open(self.step["to"], "wb") if "to" in self.step else None
        left = self.step.get("cancelAfter", 0)
        error = {}
        try:
            for message in self.call:
                if "chunk" in message.DESCRIPTOR.fields_by_name and message.HasField("chunk"):
                    chunk = message.chunk
                    if "offset" in message.DESCRIPTOR.fields_by_name:
                        offsets.append(str(message.offset))
                    total += len(chunk)
                    crc = zlib.crc32(chunk, crc)
                    if "keep" in self.step:
                        parts.append(chunk)
                    if file:
                        file.write(chunk)
                else:
                    messages.append(to_json(message))
                self.first.set()
                left -= 1
                if left == 0:
                    self.call.cancel()
        except grpc.RpcError as raised:
            error = error_value(raised)
        if file:
            file.close()
        if "keep" in self.step:
            kept[self.step["keep"]] = b"".join(parts)
        trailer = messages[-1].get("trailer", {}) if messages else {}
        intact = trailer.get("totalBytes") == str(total) and trailer.get("crc32", 0) == crc
        value = {"messages": messages, "bytes": str(total), "crc32": crc, "intact": intact}
        value["offsets"] = offsets
        self.settle(not error, value | error)

    def send(self, frame):
        """Sends a frame. Returns False if the call has ended and accepts no frames."""
        while not self.over.is_set():
            try:
                self.frames.put(frame, timeout=0.05)
                return True
            except queue.Full:
                continue
        return False

    def send_all(self, frames):
        for frame in frames:
            if "body" not in frame:
                if not self.send(self.parse(frame)):
                    return
                continue
            for chunk in pieces_of(frame["body"], frame.get("chunk", 512 * 1024)):
                if not self.send(self.request(chunk=chunk)):
                    return

    def half_close(self):
        self.send(None)

    def cancel(self):
        self.call.cancel()
        # This wakes the thread that waits for frames.
        if self.frames.empty():
            self.frames.put(None)

    def outcome(self):
        self.over.wait()
        return self.ended


def begin(step) -> Call:
    call = Call(step)
    if isinstance(step.get("send"), list):
        call.send_all(step["send"])
        if "hold" not in step and "open" not in step:
            call.half_close()
    return call


def check(step, ended):
    ok, value = ended
    if ok != ("error" not in step):
        raise Failure(f"{'succeeded' if ok else 'failed'}: {json.dumps(value)}")
    problem = fits(step.get("error", step.get("expect", {})), value)
    if problem:
        raise Failure(f"{problem}; came {json.dumps(value)}")
    for name, path in step.get("save", {}).items():
        variables[name] = at(value, path)


def attempt(step):
    if "end" in step:
        call = held[step["end"]]
        call.send_all(step.get("send", []))
        if step["how"] == "cancel":
            call.cancel()
        elif step["how"] == "finish":
            call.half_close()
        check(step, call.outcome())
        return
    call = begin(step)
    if "hold" in step:
        call.first.wait()
        held[step["hold"]] = call
    else:
        check(step, call.outcome())


def parallel(plan):
    """Runs the same step many times at once. `outcomes` limits the number of each outcome."""
    ends, problems = [], []

    def branch(index):
        try:
            own = fill(plan["step"], variables | {"i": str(index)})
            ok, value = begin(own).outcome()
            if ok:
                check(own, (ok, value))
            ends.append("OK" if ok else value.get("reason") or value["code"])
        except Exception as error:  # pylint: disable=broad-except
            problems.append(str(error))

    threads = [threading.Thread(target=branch, args=(index,)) for index in range(plan["count"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for end in set(ends) - set(plan["outcomes"]):
        problems.append(f"a branch ended with {end}")
    for end, limits in plan["outcomes"].items():
        least, most = map(int, limits.split(".."))
        if not least <= ends.count(end) <= most:
            problems.append(f"{ends.count(end)} ended with {end}, not {limits}")
    if problems:
        raise Failure(problems[0])


def run(step):
    ended = subprocess.run(step["run"], stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode != 0:
        raise Failure(f"{step['run']} ended with {ended.returncode}: {ended.stdout}")
    if "saveOutput" in step:
        variables[step["saveOutput"]] = ended.stdout.strip()


def spawn(step):
    """Runs this program in a separate process, which holds its calls until it is killed."""
    name = step["spawn"]
    cases = [{"case": name, "steps": step["steps"]}]
    with open(f"{job_file}.{name}", "w", encoding="utf-8") as file:
        json.dump(job | {"vars": variables, "child": True, "cases": cases}, file)
    child = subprocess.Popen([*job["command"], f"{job_file}.{name}"], stdout=subprocess.PIPE, text=True)
    children[name] = child
    line = child.stdout.readline().strip()
    if line != "ready":
        raise Failure(f"the child said {line!r}")


def kill(name):
    children[name].kill()
    children[name].wait()


def memory_mib(line):
    """Returns the value of a line of /proc/self/status, in MiB."""
    with open("/proc/self/status", encoding="ascii") as status:
        return int(re.search(rf"{line}:\s+(\d+)", status.read())[1]) / 1024


def execute(raw):
    if "parallel" in raw:
        parallel(raw["parallel"])
        return
    step = fill(raw, variables)
    for verb, function in (("run", run), ("spawn", spawn)):
        if verb in step:
            function(step)
            return
    if "kill" in step:
        kill(step["kill"])
        return
    with open("/proc/self/clear_refs", "w", encoding="ascii") as clear:
        clear.write("5")
    before = memory_mib("VmRSS")
    until = time.monotonic() + step.get("within", 0) / 1000
    while True:
        try:
            attempt(step)
            break
        except Failure:
            if time.monotonic() >= until:
                raise
            time.sleep(0.1)
    grown = memory_mib("VmHWM") - before
    if grown > step.get("memoryMib", float("inf")):
        raise Failure(f"took {grown:.0f} MiB of memory")


def run_case(each):
    started = time.monotonic()
    problem = ""
    variables.clear()
    variables.update(job["vars"])
    for index, step in enumerate(each["steps"]):
        try:
            execute(step)
        except Exception as error:  # pylint: disable=broad-except
            problem = f"step {index + 1}: {type(error).__name__}: {error}"
            break
    if not job.get("child"):
        ms = round((time.monotonic() - started) * 1000)
        print(json.dumps({"case": each["case"], "problem": problem, "ms": ms}), flush=True)
    else:
        print(problem or "ready", flush=True)
        if not problem:
            time.sleep(600)
    for call in held.values():
        call.cancel()
    held.clear()


for one in job["cases"]:
    run_case(one)
