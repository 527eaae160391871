#!/usr/bin/env python3
"""The main job of pyk8s, from `up` to `down`, with real kubectl: each step is printed, run and checked.

    make demo

Everything it makes lives in a temporary folder; the user's kubeconfig is not touched. Exit code 0 when every step held.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
NAME = f"demo-{os.getpid()}"
NODES = 5
STEP_TIMEOUT_S = 120


@dataclass
class Demo:
    """Runs the steps and remembers how they went."""

    home: Path
    steps: list[tuple[str, float, str]] = field(default_factory=list)

    def say(self, title: str) -> None:
        print(f"\n── {title}", flush=True)

    def run(self, command: str, *, must_print: str = "", may_fail: bool = False) -> str:
        """Run one command line (no shell), show it and what it prints; stop the demo when it does not hold."""
        print(f"$ {command}", flush=True)
        begin = time.perf_counter()
        done = subprocess.run(
            command.split(), capture_output=True, text=True, env=self.environment(), timeout=STEP_TIMEOUT_S, check=False
        )
        took_s = time.perf_counter() - begin
        text = done.stdout + done.stderr
        print(text.rstrip(), flush=True)
        trouble = ""
        if done.returncode and not may_fail:
            trouble = f"exit code {done.returncode}"
        elif must_print and must_print not in text:
            trouble = f"{must_print!r} is not in its output"
        self.steps.append((command, took_s, trouble))
        if trouble:
            raise SystemExit(f"demo: {command}: {trouble}")
        return done.stdout

    def environment(self) -> dict[str, str]:
        folder = Path(sys.executable).parent
        path = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"
        state = str(self.home / "state")
        kubeconfig = str(self.home / "kubeconfig")
        return os.environ | {"PATH": path, "XDG_STATE_HOME": state, "KUBECONFIG": kubeconfig, "HOME": str(self.home)}

    def summary(self) -> None:
        total_s = sum(took for _, took, _ in self.steps)
        held = sum(1 for *_, trouble in self.steps if not trouble)
        slowest = max(self.steps, key=lambda step: step[1])
        print(f"\n{held} of {len(self.steps)} steps held, {total_s:.1f} s in all", flush=True)
        print(f"slowest: {slowest[0]} ({slowest[1]:.1f} s)", flush=True)


def tour(demo: Demo) -> None:
    manifest = HERE / "guestbook.yaml"
    inside = "-n guestbook"

    demo.say(f"a cluster of {NODES} nodes")
    demo.run(f"pyk8s up --name {NAME} --nodes {NODES}")
    demo.run("kubectl wait --for=condition=Ready nodes --all --timeout=30s")
    demo.run("kubectl get nodes -o wide", must_print="Ready")

    demo.say("an application")
    demo.run(f"kubectl apply -f {manifest}", must_print="deployment.apps/frontend created")
    demo.run(f"kubectl rollout status deployment/frontend {inside} --timeout=60s", must_print="successfully rolled out")
    demo.run(f"kubectl rollout status deployment/store {inside} --timeout=60s", must_print="successfully rolled out")
    demo.run(f"kubectl get all {inside} -o wide", must_print="3/3")
    demo.run(f"kubectl describe deployment frontend {inside}", must_print="NewReplicaSetAvailable")

    demo.say("more of it")
    demo.run(f"kubectl scale deployment/frontend {inside} --replicas=5", must_print="scaled")
    demo.run(f"kubectl rollout status deployment/frontend {inside} --timeout=60s")
    demo.run(f"kubectl get deployment frontend {inside}", must_print="5/5")

    demo.say("a new version, and back")
    demo.run(f"kubectl set image deployment/frontend {inside} web=guestbook-frontend:v2", must_print="image updated")
    demo.run(f"kubectl rollout status deployment/frontend {inside} --timeout=60s", must_print="successfully rolled out")
    demo.run(f"kubectl rollout history deployment/frontend {inside}", must_print="2")
    demo.run(f"kubectl rollout undo deployment/frontend {inside}", must_print="rolled back")
    demo.run(f"kubectl rollout status deployment/frontend {inside} --timeout=60s", must_print="successfully rolled out")
    image = "jsonpath={.spec.template.spec.containers[0].image}"
    demo.run(f"kubectl get deployment frontend {inside} -o {image}", must_print="guestbook-frontend:v1")
    demo.run(f"kubectl get endpointslices {inside}", must_print="frontend-")

    demo.say("maintenance of a node")
    node = busiest_node(demo)
    demo.run(f"kubectl cordon {node}", must_print="cordoned")
    demo.run(f"kubectl drain {node} --ignore-daemonsets --timeout=90s", must_print="evicted")
    demo.run(f"kubectl rollout status deployment/frontend {inside} --timeout=60s")
    demo.run(f"kubectl get pods {inside} -o wide")
    left = demo.run(f"kubectl get pods {inside} --field-selector spec.nodeName={node} -o name")
    if left.strip():
        raise SystemExit(f"demo: pods are left on {node}: {left}")
    demo.run(f"kubectl uncordon {node}", must_print="uncordoned")

    demo.say("the end")
    # The namespace comes first in the file and takes its content along, often before kubectl names the rest of it.
    command = f"kubectl delete -f {manifest} --ignore-not-found --timeout=60s"
    demo.run(command, must_print='namespace "guestbook" deleted')
    demo.run(f"pyk8s status --name {NAME} -o wide", must_print="Running")


def busiest_node(demo: Demo) -> str:
    names = "jsonpath={.items[*].spec.nodeName}"
    placed = demo.run(f"kubectl get pods -n guestbook -o {names}").split()
    return max(sorted(set(placed)), key=placed.count)


def processes_left(home: Path) -> list[str]:
    """Command lines of processes that still carry the demo's folder or name."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if int(path.parent.name) != os.getpid() and (NAME in words or str(home) in words):
            found.append(" ".join(words))
    return found


def main() -> int:
    home = Path(tempfile.mkdtemp(prefix="pyk8s-demo-"))
    demo = Demo(home)
    try:
        tour(demo)
        return_code = 0
    except SystemExit as trouble:
        print(trouble, file=sys.stderr)
        return_code = 1
        demo.run(f"pyk8s logs --name {NAME} --tail 20", may_fail=True)
    except subprocess.TimeoutExpired as trouble:
        print(f"demo: {trouble}", file=sys.stderr)
        return_code = 1
    finally:
        demo.run(f"pyk8s down --name {NAME}", may_fail=True)
        shutil.rmtree(home, ignore_errors=True)
    demo.summary()
    if left := processes_left(home):
        print(f"demo: processes are left: {left}", file=sys.stderr)
        return 1
    return return_code


if __name__ == "__main__":
    sys.exit(main())
