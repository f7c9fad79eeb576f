"""`python -m deploy.local`: the whole instance, until Ctrl-C. `python -m deploy.local reset` clears RUN_DIR.

`python -m deploy.local manage COMMAND ...` is `manage.py` with the environment of the instance that runs;
`python -m deploy.local restore FOLDER` puts a backup in the place of the database of one that does not.
"""

import contextlib
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import NoReturn

from deploy.local import announce, programs, roles
from deploy.local.instance import Instance, Refusal, free_port, from_environment, hindrance, load_secrets
from deploy.local.postgres import Cluster
from deploy.local.processes import Guard, Program, stop_left_behind

READY_WITHIN_SECONDS = 120


class Stopped(Exception):
    """A person asked for the end while we were starting."""


def main(arguments: list[str]) -> int:
    """0 after an orderly stop, 1 after a refusal said in words."""
    os.umask(0o077)
    try:
        instance = from_environment()
        if arguments == ["reset"]:
            return reset(instance)
        if arguments[:1] == ["manage"]:
            manage(instance, arguments[1:])
        if arguments[:1] == ["restore"]:
            return restore(instance, arguments[1:])
        return run(instance)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 1


def manage(instance: Instance, words: list[str]) -> NoReturn:
    """This process has become `manage.py` for the running instance. Refuses where none runs."""
    try:
        told = json.loads((instance.run_dir / "demo.json").read_text())
    except FileNotFoundError:
        raise Refusal(f"No instance runs on {instance.run_dir}: `make run` starts one.") from None
    os.execve(told["manage"][0], [*told["manage"], *words], os.environ | told["env"])  # noqa: S606  our own programs


def restore(instance: Instance, words: list[str]) -> int:
    """The database of the instance is as the backup has it: nothing but the database ran meanwhile."""
    instance.lock()
    guard = Guard(instance.run_dir / "logs")
    guard.listen_to_signals()
    stop_left_behind(instance.run_dir, guard.say)
    load_secrets(instance)
    try:
        plan = programs.Plan(instance, database(instance, guard), free_port())
        step(guard, programs.restoration(plan, words))
    finally:
        guard.stop(programs.STOP_ORDER)
    return 0


def reset(instance: Instance) -> int:
    """Nothing is left of the instance. Refuses while it runs, and for a folder that was never one."""
    if not instance.run_dir.exists():
        print(f"{instance.run_dir} is not there: nothing to clear.")
        return 0
    if not (instance.run_dir / "lock").exists() and any(instance.run_dir.iterdir()):
        raise Refusal(f"{instance.run_dir} does not look like the folder of an instance; it stays as it is.")
    instance.lock()
    stop_left_behind(instance.run_dir, print)
    cluster = Cluster(instance.run_dir / "postgres", prefix=[])
    cluster.stop_orphan()
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(Path((cluster.folder / "socket.path").read_text()), ignore_errors=True)
    shutil.rmtree(instance.run_dir)
    print(f"{instance.run_dir} is cleared.")
    return 0


def run(instance: Instance) -> int:
    """The instance ran and was stopped in order."""
    instance.lock()
    guard = Guard(instance.run_dir / "logs")
    guard.logs.mkdir(mode=0o700, exist_ok=True)
    guard.listen_to_signals()
    stop_left_behind(instance.run_dir, guard.say)
    if hindered := hindrance(instance.port):
        raise Refusal(f"{hindered} Choose another: PORT=8001 make run")
    load_secrets(instance)
    try:
        start(instance, guard)
        while not guard.stop_asked:
            guard.pump()
    except Stopped:
        pass
    finally:
        guard.say("stopping" if guard.stop_asked else "giving up")
        guard.stop(programs.STOP_ORDER)
        (instance.run_dir / "demo.json").unlink(missing_ok=True)
    guard.say("stopped")
    return 0


def start(instance: Instance, guard: Guard) -> None:
    """Database, preparation, demo, services, web; then the addresses are printed. Raises Refusal when a step fails."""
    began = time.monotonic()
    folders(instance)
    plan = programs.Plan(instance, database(instance, guard), free_port(), certificates(instance))
    step(guard, programs.preparation(plan))
    announce.write(plan)
    guard.start(programs.web(plan))
    # The page first: the others would only take its time, and what they are asked meanwhile waits in rows.
    wait_until_ready(plan, guard)
    for program in programs.services(plan):
        guard.start(program)
    guard.say(f"ready after {time.monotonic() - began:.1f} s")
    guard.say(announce.page(plan))


def folders(instance: Instance) -> None:
    """Every folder stands; the numbers of the processes of an earlier start are gone."""
    (instance.run_dir / "demo.json").unlink(missing_ok=True)
    shutil.rmtree(instance.run_dir / "metrics", ignore_errors=True)
    for name in ("metrics", "mail", "keys", "sequencer", "ledger"):
        (instance.run_dir / name).mkdir(mode=0o700, exist_ok=True)


def certificates(instance: Instance) -> tuple[Path, Path, Path] | None:
    """The certificates, when HTTPS was asked for."""
    if not instance.https:
        return None
    from deploy.local import tls

    return tls.certificates(instance.run_dir)


def database(instance: Instance, guard: Guard) -> roles.Addresses:
    """A database answers: the one of DATABASE_URL, else the embedded one, started here."""
    if os.environ.get("DATABASE_URL"):
        addresses = roles.given(instance)
        guard.say(f"using the database of DATABASE_URL: {addresses.remark}")
        return addresses
    cluster = Cluster(instance.run_dir / "postgres")
    password = instance.secret("postgres")
    if not cluster.data.exists():
        guard.say("making the embedded database")
    cluster.create(password)
    if orphan := cluster.stop_orphan():
        guard.say(f"stopped a database server (process {orphan}), left by an earlier start")
    guard.start(programs.database(cluster))
    end = time.monotonic() + 60
    while not cluster.answers(password):
        guard.pump(0.05, restart=False)
        child = guard.children["postgres"].process
        if time.monotonic() > end or child is None or child.poll() is not None:
            raise Refusal(f"The embedded database did not start; see {guard.logs / 'postgres.log'}.")
        if guard.stop_asked:
            raise Stopped
    return roles.embedded(instance, cluster)


def step(guard: Guard, program: Program) -> None:
    """The program has run. Raises Refusal when it failed."""
    code = guard.run(program)
    if guard.stop_asked:
        raise Stopped
    if code:
        raise Refusal(f"{program.name} failed; see {guard.logs / program.name}.log")


def wait_until_ready(plan: programs.Plan, guard: Guard) -> None:
    """`/readyz` answers 200; said every ten seconds while it does not, and given up after two minutes."""
    began = said = time.monotonic()
    while (state := announce.readiness(plan)) != "ready":
        if guard.stop_asked:
            raise Stopped
        now = time.monotonic()
        if now - began > READY_WITHIN_SECONDS:
            raise Refusal(f"Not ready within {READY_WITHIN_SECONDS} s: {state}")
        if now - said > 10:
            said = now
            guard.say(f"waiting: {state}")
        guard.pump(0.1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
