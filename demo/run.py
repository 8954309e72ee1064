"""Start a server and train real models on it, with the unmodified ``wandb`` client and with our own SDK.

`make demo` runs this. It stays in the foreground until Ctrl-C; with ``--exit`` it ends by itself, with status 0 if
every run arrived complete.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import httpx

from verify import Arrival, Verifier, read_receipt, table_of

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
DATA = CACHE / "demo-data"
TRAINER = CACHE / "demo-venv/bin/python"
PROJECT = "digits"
RECIPES = ("baseline", "adam", "deep-tanh", "lr-range-test", "too-hot", "small-batch", "sigmoid", "large-batch")
OWN_SDK = RECIPES[:6]
"""Trained a second time, by the same script, with Kymograph's own SDK in the place of the ``wandb`` client."""
AT_ONCE = 2
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0
SIGN_IN_LINK = re.compile(r"https?://\S+/login/[\w.~-]+")


@dataclass(frozen=True, slots=True)
class Training:
    """One run of `train.py`."""

    recipe: str
    is_own_sdk: bool = False

    @property
    def name(self) -> str:
        """For logs and receipts."""
        return f"{self.recipe} (kymograph)" if self.is_own_sdk else self.recipe

    @property
    def receipt(self) -> Path:
        """What it logged, in its own words."""
        return DATA / f"receipts/{self.name}.jsonl"

    @property
    def log(self) -> Path:
        """What it printed."""
        return DATA / f"logs/{self.name}.log"

    @property
    def command(self) -> list[str]:
        """How it is started."""
        drop_in = ["-m", "kymograph.as_wandb"] if self.is_own_sdk else []
        return [str(TRAINER), *drop_in, "demo/train.py", self.recipe, "--receipt", str(self.receipt)]


TRAININGS = [*map(Training, RECIPES), *(Training(recipe, is_own_sdk=True) for recipe in OWN_SDK)]


class DemoFailed(Exception):
    """The demo cannot go on; the message is for the person at the terminal."""


def tail(path: Path, n_lines: int = 15) -> str:
    """Return the last lines of a log."""
    if not path.exists():
        return ""
    lines = path.read_text(encoding="utf-8", errors="replace").replace("\r", "\n").splitlines()
    return "\n".join(f"    {line}" for line in lines[-n_lines:])


def refuse_busy_port(port: int) -> None:
    """Raise a readable error if something listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DemoFailed(f"port {port} is in use; choose another: make demo PORT={port + 1}") from error


def start(command: list[str], log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a program, its output in a file.

    It gets a session of its own: a Ctrl-C in the terminal reaches this process alone, which then stops the others in
    the right order (trainers first, so that the server still takes their last words).
    """
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def stop(child: subprocess.Popen[bytes]) -> None:
    """End a process: ask, wait, then insist."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def server_environment(api_key: str) -> dict[str, str]:
    """Return the environment of the server: the caller's own settings must not leak into the demo."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KYMOGRAPH_", "WANDB_"))}
    return kept | {"KYMOGRAPH_ADMIN_API_KEY": api_key, "PYTHONUNBUFFERED": "1"}


def trainer_environment(address: str, api_key: str) -> dict[str, str]:
    """Return the environment of the training scripts: the address, the key, and a place for the client's files."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KYMOGRAPH_", "WANDB_"))}
    client = DATA / "client"
    for folder in ("cache", "config", "data", "runs"):
        (client / folder).mkdir(parents=True, exist_ok=True)
    return kept | {
        "WANDB_BASE_URL": address,
        "WANDB_API_KEY": api_key,
        "WANDB_PROJECT": PROJECT,
        "WANDB_DIR": str(client / "runs"),
        "WANDB_CACHE_DIR": str(client / "cache"),
        "WANDB_CONFIG_DIR": str(client / "config"),
        "WANDB_DATA_DIR": str(client / "data"),
        "WANDB_ERROR_REPORTING": "false",
        # Our own SDK is not installed beside the client: it is found where it is.
        "PYTHONPATH": str(ROOT / "src"),
        # Two trainers and a server share the machine; a matrix of 64 columns gains nothing from more threads.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
    }


def wait_until_ready(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the server takes requests."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise DemoFailed(f"the server ended with status {server.returncode}:\n{tail(log)}")
        try:
            if httpx.get(f"{address}/readyz", timeout=2.0).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise DemoFailed(f"the server was not ready after {START_TIMEOUT_S:.0f} s:\n{tail(log)}")


def find_sign_in_link(log: Path, timeout_s: float = 3.0) -> str | None:
    """Find the one-time link that the server printed."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found := SIGN_IN_LINK.search(log.read_text(encoding="utf-8", errors="replace")):
            return found[0]
        time.sleep(0.1)
    return None


def boxed(*lines: str) -> str:
    """Return lines in a box that is hard to miss."""
    width = max(map(len, lines))
    body = "\n".join(f"│  {line.ljust(width)}  │" for line in lines)
    return f"╭{'─' * (width + 4)}╮\n{body}\n╰{'─' * (width + 4)}╯"


def train_all(address: str, api_key: str, server: subprocess.Popen[bytes], server_log: Path) -> None:
    """Train every recipe, a few at a time; return when all have ended, well or not."""
    environment = trainer_environment(address, api_key)
    started = time.monotonic()
    waiting, running = list(TRAININGS), dict[Training, subprocess.Popen[bytes]]()
    try:
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                training = waiting.pop(0)
                running[training] = start(training.command, training.log, environment)
                print(f"{time.monotonic() - started:5.0f} s  {training.name}: training", flush=True)
            for training, child in list(running.items()):
                if child.poll() is not None:
                    outcome = "done" if child.returncode == 0 else f"failed with status {child.returncode}"
                    print(f"{time.monotonic() - started:5.0f} s  {training.name}: {outcome}", flush=True)
                    if child.returncode:
                        print(tail(training.log), flush=True)
                    del running[training]
            if server.poll() is not None:
                raise DemoFailed(f"the server ended with status {server.returncode}:\n{tail(server_log)}")
            time.sleep(0.2)
    finally:
        for child in running.values():
            child.terminate()
        for child in running.values():
            stop(child)


def verify_all(address: str, api_key: str) -> list[Arrival]:
    """Compare every run with its receipt."""
    headers = {"Authorization": f"Bearer {api_key}"}
    arrivals = []
    with httpx.Client(base_url=address, headers=headers, timeout=30.0) as http:
        session = http.get("/api/v1/session")
        session.raise_for_status()
        verifier = Verifier(http, session.json()["user"]["default_entity"], PROJECT)
        for training in TRAININGS:
            try:
                receipt = read_receipt(training.receipt)
                arrivals.append(verifier.check(receipt, title=training.name))
            except (OSError, ValueError) as error:
                arrivals.append(Arrival(training.name, problems=[str(error)]))
    return arrivals


def complaints_of(log: Path) -> list[str]:
    """Return what the server logged as a warning or an error: the client may have hidden that it was refused."""
    complaints = []
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue  # the greeting
        if record.get("level") in ("warning", "error", "critical"):
            complaints.append(line)
    return complaints


def run_demo(port: int, ends_by_itself: bool) -> bool:
    """Serve, train and verify; return whether every run arrived complete."""
    shutil.rmtree(DATA / "receipts", ignore_errors=True)
    for folder in ("logs", "receipts", "server"):
        (DATA / folder).mkdir(parents=True, exist_ok=True)
    address = f"http://127.0.0.1:{port}"
    api_key = secrets.token_hex(20)
    log = DATA / "logs/server.log"

    command = [str(ROOT / ".venv/bin/kymograph"), "server", "--port", str(port), "--data", str(DATA / "server")]
    server = start(command, log, server_environment(api_key))
    try:
        wait_until_ready(address, server, log)
        link = find_sign_in_link(log)
        how = [link] if link else [address, f"and sign in with the API key {api_key}"]
        print(boxed("Open this in a browser:", *how))
        print(
            f"Training {len(RECIPES)} models on handwritten digits with the wandb client, then {len(OWN_SDK)} of them"
        )
        print(f"again with Kymograph's own SDK, {AT_ONCE} at a time.", flush=True)
        train_all(address, api_key, server, log)

        arrivals = verify_all(address, api_key)
        complaints = complaints_of(log)
        complete = not complaints and all(not arrival.problems for arrival in arrivals)
        print(f"\n{table_of(arrivals)}\n")
        if complaints:
            print(f"The server complained {len(complaints)} times, first:\n    {complaints[0]}")
        print("Every run arrived complete." if complete else "NOT every run arrived complete.", flush=True)
        if not ends_by_itself:
            print(f"\nThe server goes on at {address}. Sign in with this API key, or let your own scripts log to it:\n")
            print(f"    export WANDB_BASE_URL={address} WANDB_API_KEY={api_key}\n\nCtrl-C ends it.", flush=True)
            server.wait()
            raise DemoFailed(f"the server ended with status {server.returncode}:\n{tail(log)}")
    finally:
        stop(server)
    return complete


def interrupt(signal_number: int, frame: FrameType | None) -> None:
    """End like Ctrl-C does, so that a plain `kill` cleans up too."""
    raise KeyboardInterrupt


def main() -> None:
    """Parse the command line and run the demo."""
    parser = argparse.ArgumentParser(description="Train real models on a server of your own.")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--exit", action="store_true", help="end when all runs have arrived")
    parser.add_argument("--keep", action="store_true", help="keep the data of the last demo")
    options = parser.parse_args()

    # SIGINT too: a shell that starts the demo in the background has it ignored.
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    try:
        # Before anything is deleted: the port may be busy because another demo still runs on the data.
        refuse_busy_port(options.port)
        if not options.keep:
            shutil.rmtree(DATA, ignore_errors=True)
        sys.exit(0 if run_demo(options.port, options.exit) else 1)
    except DemoFailed as failure:
        sys.exit(f"demo: {failure}")
    except KeyboardInterrupt:
        print("\nstopped")
        sys.exit(130 if options.exit else 0)


if __name__ == "__main__":
    main()
