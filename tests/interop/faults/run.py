"""The drills, by name. Each docstring states what is done and what bound must hold."""

import contextlib
import resource
import signal
import ssl
import subprocess
import sys
import threading
import time
import traceback

from world import Upstream, World, ask, connect, eventually

MIB = 1024 * 1024


def room():
    """Descriptors that this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def is_closed(stream):
    """Whether the other side has closed, without waiting."""
    stream.setblocking(False)
    try:
        return stream.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def connections():
    """100,000 attempts in waves of 12,500 from 127.0.0.0/8 against a limit of 10,000 (both smaller where descriptors are
    few). Bound: never more than the limit is kept, the rest is closed within 10 s, health answers within 5 s all the
    while, the next honest request is served, and memory is back within 64 MiB of before."""
    limit = min(10_000, (room() - 500) // 4)
    wave = limit * 5 // 4
    configuration = {"limits": {"connections": limit, "head_timeout": "60s"}}
    with World(configuration, descriptors=room()) as world:
        quiet = world.resident()
        waves = -(-100_000 // wave)
        for number in range(waves):
            kept = []
            for index in range(wave):
                at = number * wave + index
                with contextlib.suppress(OSError):
                    kept.append(connect(world.ingress, f"127.{1 + at % 200}.{at // 200 % 250}.{1 + at % 250}"))
            began = time.monotonic()
            assert ask(world.health, "/livez") == 200 and time.monotonic() - began < 5, "health is slow"
            eventually("the excess is closed", lambda: sum(not is_closed(one) for one in kept) <= limit, 10)
            held = sum(not is_closed(one) for one in kept)
            assert held >= limit * 9 // 10, f"only {held} of {limit} are kept"
            for one in kept:
                one.close()
            eventually("an honest request", world.honest)
        grown = world.resident() - quiet
        assert grown < 64 * MIB, f"{grown // MIB} MiB more than before"
        return f"{waves * wave} attempts, limit {limit}, {grown // MIB} MiB more afterwards"


def idle():
    """300 connections each that say nothing, half of HTTP/2's preface, half a head, half a TLS hello. Bound (head timeout
    2 s): all are ended within 10 s, the half heads with 408, and honest requests are served in between."""
    with World({"limits": {"head_timeout": "2s"}}) as world:
        starts = [b"", b"PRI * HTTP/2.0\r\n", b"GET /a HTTP/1.1\r\nHost:", b"\x16\x03\x01\x02\x00"]
        streams = []
        for start in starts * 300:
            stream = connect(world.ingress)
            stream.sendall(start)
            streams.append((start, stream))
        assert world.honest()
        began = time.monotonic()
        for start, stream in streams:
            answer = b""
            with contextlib.suppress(OSError):
                while piece := stream.recv(4096):
                    answer += piece
            if start.startswith(b"GET"):
                assert answer.startswith(b"HTTP/1.1 408 "), answer
        took = time.monotonic() - began
        assert took < 10, f"{took:.1f} s"
        return f"{len(streams)} connections ended in {took:.1f} s"


def descriptors():
    """256 descriptors and 400 connections. Bound: under 20 % of a core, at most one log line a second about it, no exit;
    served within 5 s of their being freed."""
    with World(descriptors=256) as world:
        streams = [connect(world.ingress) for _ in range(400)]
        time.sleep(1)
        before, lines = world.processor(), len(world.log.read_text().splitlines())
        time.sleep(4)
        used = (world.processor() - before) / 4
        more = len(world.log.read_text().splitlines()) - lines
        assert used < 0.2, f"{used:.0%} of a core"
        assert more <= 5, f"{more} lines in 4 s"
        for stream in streams:
            stream.close()
        took = eventually("an honest request", world.honest, 5)
        return f"{used:.1%} of a core, {more} log lines in 4 s, served after {took:.2f} s"


def disk():
    """The audit log may not grow (RLIMIT_FSIZE, as a full disk fails). Bound: refused with 503 and nothing else while it is
    full, no torn record, healed within 5 s of there being room, without a restart."""
    with World({"audit": {"file": "./audit/", "on_full": "deny", "queue_size": "256KiB"}}) as world:
        assert world.honest()
        size = (world.folder / "audit/audit.jsonl").stat().st_size
        resource.prlimit(world.process.pid, resource.RLIMIT_FSIZE, (size + 5000, resource.RLIM_INFINITY))
        eventually("refusal", lambda: ask(world.ingress, "/" + "a" * 2000) == 503)
        statuses = {ask(world.ingress, "/a") for _ in range(50)}
        assert statuses <= {200, 503}, statuses
        resource.prlimit(world.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        took = eventually("service", world.honest, 5)
        eventually("records", lambda: len(world.records()) > 1)
        return f"healed after {took:.2f} s"


def killed():
    """kill -9 under load and a restart, ten times. Bound: ready again within 10 s, one record torn at each kill
    at most, every request answered half a second or more before the kill on record."""
    slowest = 0.0
    with World({"audit": {"file": "./audit/"}}) as world:
        for kills in range(10):
            answered, stop, port = [], threading.Event(), world.ingress

            def load():
                while not stop.is_set():
                    if ask(port, "/a", 2) == 200:
                        answered.append(time.monotonic())

            threads = [threading.Thread(target=load) for _ in range(4)]
            before = len(world.records(torn=kills))
            for thread in threads:
                thread.start()
            time.sleep(1.2)
            at = time.monotonic()
            world.process.send_signal(signal.SIGKILL)
            stop.set()
            world.process.wait()
            for thread in threads:
                thread.join()
            slowest = max(slowest, world.start())
            recorded = len(world.records(torn=kills + 1)) - before
            due = sum(when < at - 0.5 for when in answered)
            assert recorded >= due, f"{recorded} of {due} on record"
        assert world.honest()
    assert slowest < 10, f"{slowest:.1f} s"
    return f"10 kills, ready again after {slowest:.2f} s at most"


def certificates():
    """A certificate file of which only a half is written, then a key that does not fit, then both whole. Bound: SIGHUP with
    half a pair changes nothing but the log; with a whole one new connections get it and open ones go on."""

    def make(folder, name):
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
        files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt")]
        subprocess.run(command + files, check=True, capture_output=True)
        return (folder / f"{name}.crt").read_text(), (folder / f"{name}.key").read_text()

    def shown(port):
        return ssl.get_server_certificate(("127.0.0.1", port))

    world = World(listener={"tls": {"certificate": "tls.crt", "key": "tls.key"}})
    old, new = make(world.folder, "old"), make(world.folder, "new")
    (world.folder / "tls.crt").write_text(old[0])
    (world.folder / "tls.key").write_text(old[1])
    with world:
        context = ssl._create_unverified_context()
        open_one = context.wrap_socket(connect(world.ingress))
        for certificate, key in [(new[0][:700], new[1]), (new[0], old[1]), ("", new[1]), (new[0], new[1][:300])]:
            (world.folder / "tls.crt").write_text(certificate)
            (world.folder / "tls.key").write_text(key)
            lines = len(world.log.read_text().splitlines())
            world.process.send_signal(signal.SIGHUP)
            eventually("a log line", lambda: len(world.log.read_text().splitlines()) > lines)
            assert shown(world.ingress).strip() == old[0].strip(), "another certificate"
        (world.folder / "tls.crt").write_text(new[0])
        (world.folder / "tls.key").write_text(new[1])
        world.process.send_signal(signal.SIGHUP)
        took = eventually("the new certificate", lambda: shown(world.ingress).strip() == new[0].strip())
        open_one.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        assert open_one.recv(12) == b"HTTP/1.1 200"
    return f"4 unusable pairs ignored, the new one served after {took:.2f} s"


def upstream():
    """The upstream tears answers, sends garbage, goes silent, is killed and comes back. Bound: 502 for what is torn before
    its head or refused (within 1 s), 504 at the timeout, a cut connection for a torn body, and 200 within 5 s of its
    return."""
    with World() as world:
        assert world.honest()
        world.upstream.mode = "torn"
        assert ask(world.ingress, "/a") is None, "a torn answer passed for a whole one"
        world.upstream.mode = "garbage"
        status = ask(world.ingress, "/a")
        assert status == 502, status
        world.upstream.mode = "silent"
        began = time.monotonic()
        assert ask(world.ingress, "/a") == 504
        assert time.monotonic() - began < 10
        world.upstream.mode = "ok"
        eventually("service", world.honest)
        port = world.upstream.port
        world.upstream.close()
        slowest = 0.0
        for _ in range(20):
            began = time.monotonic()
            status = ask(world.ingress, "/a")
            assert status == 502, status
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < 1, f"{slowest:.2f} s"
        world.upstream = Upstream(port)
        took = eventually("service", world.honest, 5)
        return f"refused within {slowest * 1000:.0f} ms, served {took:.2f} s after its return"


CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, time);
    if (clock == CLOCK_REALTIME) {
        FILE *file = fopen(getenv("CLOCK_OFFSET"), "r");
        long offset = 0;
        if (file) { if (fscanf(file, "%ld", &offset) != 1) offset = 0; fclose(file); }
        time->tv_sec += offset;
    }
    return result;
}
"""


def clock():
    """The clock jumps two hours ahead, back, and two hours behind, under requests. Bound: every request is served, timers
    go on (a half head is still ended in its time), and the process lives."""
    with contextlib.ExitStack() as stack:
        world = World({"limits": {"head_timeout": "2s"}, "audit": {"file": "./audit/"}})
        (world.folder / "clock.c").write_text(CLOCK)
        library = world.folder / "clock.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, world.folder / "clock.c", "-ldl"], check=True)
        offset = world.folder / "offset"
        offset.write_text("0")
        world.preload = {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(offset)}
        stack.enter_context(world)
        for jump in (7200, 0, -7200, 0):
            offset.write_text(str(jump))
            stream = connect(world.ingress)
            stream.sendall(b"GET /a HTTP/1.1\r\n")
            began = time.monotonic()
            assert all(world.honest() for _ in range(20)), f"not served after a jump to {jump}"
            assert stream.recv(12) == b"HTTP/1.1 408"
            assert time.monotonic() - began < 10
        eventually("records", lambda: len(world.records()) >= 84)
        times = {record["eventTime"][:13] for record in world.records()}
        assert len(times) >= 2, "the clock did not jump"
        return f"{len(world.records())} requests on record in {len(times)} hours"


DRILLS = [connections, idle, descriptors, disk, killed, certificates, upstream, clock]


def main(names):
    """Plays each drill and sums up."""
    room()
    failed = 0
    chosen = [drill for drill in DRILLS if not names or drill.__name__ in names]
    for drill in chosen:
        began = time.monotonic()
        try:
            told, word = drill(), "held"
        except Exception:  # one drill must not hide the others
            told, word, failed = traceback.format_exc(), "FAILED", failed + 1
        print(f"{drill.__name__}: {word}, {time.monotonic() - began:.0f} s: {told}", flush=True)
    print(f"{len(chosen) - failed} drills held, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
