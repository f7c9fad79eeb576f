"""Image, compose file, manifests and pipeline: well formed, without rights they do not need, and of one mind."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import referencing
import referencing.jsonschema
import yaml

from gdpr_portal.env import VARIABLES
from tests.operations.checkers import FOLDER, program

SCHEMAS = FOLDER / "python" / "kubernetes_validate" / "kubernetes-json-schema" / "v1.31.0-local-strict"
OVERLAYS = ("dev", "staging", "production")
LONG_RUNNING = {"web", "worker", "scheduler", "sequencer", "metrics"}
KUBECTL = shutil.which("kubectl")
OTHERS = {
    "SIGNING_KEY_FROM", "PROMETHEUS_MULTIPROC_DIR", "GRANIAN_WORKERS_MAX_RSS",
    "GRANIAN_WORKERS_LIFETIME",
    "PORT", "WEB_ADDRESS", "WEB_THREADS", "WORKER_THREADS", "PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE",
    "DJANGO_SETTINGS_MODULE", "PIP_NO_CACHE_DIR", "PIP_DISABLE_PIP_VERSION_CHECK",
}  # fmt: skip
"""Variables of the containers that are no settings of the service."""


def text(repository: Path, *parts: str) -> str:
    return repository.joinpath(*parts).read_text()


def known(names: Any) -> set[str]:
    """Those of the names that nothing reads."""
    return set(names) - set(VARIABLES) - OTHERS


# --- the image --------------------------------------------------------------------------------------------------------
def test_the_image_runs_without_rights(repository: Path) -> None:
    stages = text(repository, "Dockerfile").split("\nFROM ")
    last = stages[-1]
    assert re.search(r"^USER 10001:10001$", last, re.M) and last.index("USER ") < last.index("ENTRYPOINT")
    assert "HEALTHCHECK" in last and "--require-hashes" in stages[1] and "collectstatic" in stages[1]
    assert re.search(r"^ARG PYTHON_IMAGE=python:3\.1[123]-\S+$", text(repository, "Dockerfile"), re.M)
    assert "latest" not in text(repository, "Dockerfile")
    given = re.findall(r"\b([A-Z][A-Z_]{3,})=", re.search(r"ENV PATH.*?(?=\nWORKDIR)", last, re.S).group())  # type: ignore[union-attr]
    assert not known(given), known(given)


def test_the_image_has_every_app_and_no_more_than_it_needs(repository: Path) -> None:
    copied = set(re.findall(r"^COPY (?!--from)(\w[\w.]*)", text(repository, "Dockerfile"), re.M))
    allowed = set(re.findall(r"^!(\S+)$", text(repository, ".dockerignore"), re.M))
    assert text(repository, ".dockerignore").startswith("**\n") and copied <= allowed
    apps = {path.parent.name for path in repository.glob("*/apps.py")}
    assert apps <= copied and not {"tests", ".git", ".run", "bench"} & (copied | allowed)


def test_every_process_is_one_word_for_the_entrypoint(repository: Path) -> None:
    script = text(repository, "deploy", "container", "entrypoint")
    words = set(re.findall(r"^(\w+)\)", script, re.M))
    assert LONG_RUNNING | {"release"} == words
    for line in re.findall(r"python manage\.py (\w+)", script):
        from django.core.management import get_commands

        assert line in get_commands()


@pytest.fixture
def container(repository: Path, tmp_path: Path) -> Any:
    """`container(*words, **environment)`: the entrypoint as in a container; its `python` says what it got."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python").write_text('#!/bin/sh\necho "$AUDIT_SIGNING_KEY_FILE|$*"\n')
    (programs / "python").chmod(0o755)

    def run(*words: str, script: str = "entrypoint", **environment: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": f"{programs}:{os.environ['PATH']}", "RUN_DIR": str(tmp_path / "run"), **environment}
        command = [str(repository / "deploy" / "container" / script), *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=600, check=False)

    return run


@pytest.mark.parametrize(
    ("word", "part"),
    [
        ("web", "granian"),
        ("worker", "celery"),
        ("scheduler", "gdpr_portal.scheduler"),
        ("sequencer", "run_sequencer"),
        ("metrics", "gdpr_portal.exposition"),
        ("release", "provision_roles"),
        ("doctor", "manage.py doctor"),
    ],
)
def test_the_entrypoint_starts_what_it_is_told(container: Any, word: str, part: str) -> None:
    done = container(word)
    assert done.returncode == 0, done.stderr
    assert part in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_web_process_shares_its_port_with_no_other(container: Any, tmp_path: Path, address: str) -> None:
    """The server itself would (SO_REUSEPORT): two versions would answer in turn, and nobody be told."""
    real = f'#!/bin/sh\nif [ "$1" = -c ]; then exec {sys.executable} "$@"; fi\necho "serves $*"\n'
    (tmp_path / "bin" / "python").write_text(real)
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind((address, 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = container("web", PORT=port, WEB_ADDRESS=address)
        assert done.returncode == 1 and "serves" not in done.stdout
        assert f"port {port} cannot be had: Address already in use" in done.stderr
    done = container("web", PORT=port, WEB_ADDRESS=address)
    assert done.returncode == 0 and f"--host {address} --port {port} " in done.stdout
    done = container("web", PORT=port, WEB_ADDRESS="192.0.2.1" if address == "127.0.0.1" else "2001:db8::1")
    assert done.returncode == 1 and "cannot be had: Cannot assign requested address" in done.stderr


def test_mounted_keys_are_made_readable_to_the_service_alone(container: Any, tmp_path: Path) -> None:
    for folder in ("keyring", "signing"):
        (tmp_path / folder).mkdir()
    (tmp_path / "keyring" / "vault.json").write_text("{}")
    (tmp_path / "signing" / "audit.json").write_text("{}")
    for _start in range(2):  # a container that starts again finds its own files
        done = container("web", KEYRING_FROM=str(tmp_path / "keyring"), SIGNING_KEY_FROM=str(tmp_path / "signing"))
        assert done.returncode == 0, done.stderr
    made = tmp_path / "run" / "keys" / "vault.json"
    assert made.stat().st_mode & 0o777 == 0o400 and (tmp_path / "run").stat().st_mode & 0o077 == 0
    assert done.stdout.startswith(str(tmp_path / "run" / "sequencer" / "audit.json"))


def test_a_container_that_drains_says_so_and_a_new_start_does_not(container: Any, tmp_path: Path) -> None:
    container("web")
    assert container("0", script="drain").returncode == 0
    assert (tmp_path / "run" / "draining").exists()
    container("web")
    assert not (tmp_path / "run" / "draining").exists()


@pytest.mark.parametrize(("word", "address"), [("web", "8000/livez"), ("metrics", "9464/metrics")])
def test_health_asks_the_process_and_no_dependency(container: Any, word: str, address: str) -> None:
    container(word)
    done = container(script="healthy")
    assert done.returncode == 0 and address in done.stdout and "readyz" not in done.stdout


@pytest.mark.parametrize(
    ("word", "given", "asked"),
    [
        ("web", {}, "http://127.0.0.1:8000/livez"),
        ("web", {"WEB_ADDRESS": "::"}, "http://[::1]:8000/livez"),
        ("web", {"WEB_ADDRESS": "::1", "PORT": "8001"}, "http://[::1]:8001/livez"),
        ("web", {"WEB_ADDRESS": "10.0.0.7"}, "http://10.0.0.7:8000/livez"),
        ("metrics", {"METRICS_ADDRESS": "::"}, "http://[::1]:9464/metrics"),
    ],
)
def test_health_asks_where_the_process_listens(
    container: Any, tmp_path: Path, word: str, given: dict[str, str], asked: str
) -> None:
    """Elsewhere nobody answers: a live process would be taken for dead, and started again for ever."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "process").write_text(word)
    done = container(script="healthy", **given)
    assert done.returncode == 0 and done.stdout.split()[-1] == asked


@pytest.mark.skipif(program("shellcheck") is None, reason="NO shellcheck: run deploy/local/checkers.sh")
def test_every_script_is_clean(repository: Path) -> None:
    found = [path for path in (repository / "deploy").rglob("*") if path.is_file() and _is_script(path)]
    scripts = [*found, repository / ".ci" / "run"]
    assert len(scripts) >= 8
    done = subprocess.run([str(program("shellcheck")), *map(str, scripts)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def _is_script(path: Path) -> bool:
    return path.read_bytes()[:12].startswith((b"#!/bin/sh", b"#!/usr/bin/e")) and path.suffix in {"", ".sh"}


# --- compose ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def compose(repository: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text(repository, "compose.yaml"))
    return found


def test_compose_has_every_process_and_what_it_needs(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert LONG_RUNNING | {"database", "broker", "release", "mail", "prometheus", "grafana"} <= services.keys()
    for name, service in services.items():
        needed = set(service.get("depends_on", {}))
        assert needed <= services.keys(), name
        mounts = {each.split(":")[0] for each in service.get("volumes", []) if not each.startswith(".")}
        assert mounts <= set(compose["volumes"]), name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), (name, port)
        for each in service.get("volumes", []):
            assert not each.startswith(".") or Path(each.split(":")[0]).exists(), each


def test_processes_in_compose_have_no_rights_and_known_settings(compose: dict[str, Any]) -> None:
    for name in (*LONG_RUNNING, "release"):
        service = compose["services"][name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["mem_limit"], name
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not known(service["environment"]), name
    seen = {name for name, each in compose["services"].items() if "signing:/signing" in each.get("volumes", [])}
    assert seen == {"sequencer", "release", "ownership"}  # web and worker cannot sign the log
    assert all("OWNER" not in str(compose["services"][name]["environment"]) for name in LONG_RUNNING)


# --- Kubernetes -------------------------------------------------------------------------------------------------------
def resources(repository: Path) -> Iterator[dict[str, Any]]:
    """Every resource of the base."""
    for file in sorted((repository / "deploy" / "kubernetes" / "base").glob("*.yaml")):
        if file.name != "kustomization.yaml":
            yield from yaml.safe_load_all(file.read_text())


def rendered(repository: Path, overlay: str) -> list[dict[str, Any]]:
    where = repository / "deploy" / "kubernetes" / "overlays" / overlay
    done = subprocess.run([str(KUBECTL), "kustomize", str(where)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def pods(found: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and pod of every workload."""
    for each in found:
        spec = each.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            yield each["metadata"]["name"], spec["template"]["spec"]


@cache
def registry() -> Any:
    def retrieve(uri: str) -> Any:
        content = json.loads((SCHEMAS / uri.rpartition("/")[2]).read_text())
        return referencing.Resource.from_contents(content, default_specification=referencing.jsonschema.DRAFT7)

    return referencing.Registry(retrieve=retrieve)  # type: ignore[call-arg]


def faults(resource: dict[str, Any]) -> list[str]:
    """What the schema of Kubernetes has against the resource."""
    group, _, version = resource["apiVersion"].rpartition("/")
    name = "-".join(filter(None, [resource["kind"].lower(), group.partition(".")[0], version]))
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    judge = jsonschema.Draft7Validator(schema, registry=registry())
    return [
        f"{resource['kind']} {resource['metadata']['name']}: {error.message}" for error in judge.iter_errors(resource)
    ]


needs_schemas = pytest.mark.skipif(not SCHEMAS.exists(), reason="NO schemas of Kubernetes: deploy/local/checkers.sh")
needs_kubectl = pytest.mark.skipif(KUBECTL is None, reason="NO kubectl: overlays are not rendered")


@needs_schemas
def test_every_resource_keeps_the_schema_of_kubernetes(repository: Path) -> None:
    found = list(resources(repository))
    assert len(found) > 25 and not [fault for each in found for fault in faults(each)]
    broken = found[-1] | {"spec": found[-1]["spec"] | {"shedule": "* * * * *"}}
    assert faults(broken)  # teeth: a member nobody knows


@needs_schemas
@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_overlay_renders_to_what_kubernetes_takes(repository: Path, overlay: str) -> None:
    found = rendered(repository, overlay)
    assert not [fault for each in found for fault in faults(each)]
    namespace = "gdpr-portal" if overlay == "production" else f"gdpr-portal-{overlay}"
    spaces = {each["metadata"].get("namespace") for each in found if each["kind"] != "Namespace"}
    assert spaces == {namespace} and namespace in {each["metadata"]["name"] for each in found}
    [config] = [each for each in found if each["kind"] == "ConfigMap"]
    [ingress] = [each for each in found if each["kind"] == "Ingress"]
    host = ingress["spec"]["rules"][0]["host"]
    assert config["data"]["BASE_URL"] == f"https://{host}" and host in config["data"]["ALLOWED_HOSTS"].split(",")
    assert not known(config["data"]), known(config["data"])
    assert all("gdpr-portal/stage" in each["metadata"]["labels"] for each in found)


def test_no_pod_has_more_rights_than_it_needs(repository: Path) -> None:
    seen = 0
    for name, pod in pods(list(resources(repository))):
        assert pod["automountServiceAccountToken"] is False and pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for each in pod["containers"]:
            seen += 1
            context = each["securityContext"]
            assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"], name
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert each["resources"]["limits"]["memory"] and each["resources"]["requests"]["cpu"], name
            assert each["image"] == "gdpr-portal" and each["args"], name
    assert seen >= 15


def test_who_holds_which_secret(repository: Path) -> None:
    holders: dict[str, set[str]] = {}
    for name, pod in pods(list(resources(repository))):
        volumes = [each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each]
        sources = [
            each["secretRef"]["name"] for c in pod["containers"] for each in c.get("envFrom", []) if "secretRef" in each
        ]
        for secret in (*volumes, *sources):
            holders.setdefault(secret, set()).add(name)
    assert holders["gdpr-portal-signing"] == holders["gdpr-portal-sequencer"] == {"sequencer"}
    assert holders["gdpr-portal-owner"] == {"release", "backup", "audit-retention"}
    assert "metrics" not in holders["gdpr-portal-keyring"]
    assert not [each for each in resources(repository) if each["kind"] == "Secret"]  # by reference, never here
    page = text(repository, "docs", "deployment.md")
    named = {*holders, "gdpr-portal-tls", "gdpr-portal-metrics"}
    assert all(f"`{secret}`" in page for secret in named)


def test_web_is_stopped_without_a_lost_request(repository: Path) -> None:
    [web] = [pod for name, pod in pods(list(resources(repository))) if name == "web"]
    [container] = [each for each in web["containers"] if each["name"] == "web"]
    command = container["lifecycle"]["preStop"]["exec"]["command"]
    seen = container["readinessProbe"]["periodSeconds"] * container["readinessProbe"]["failureThreshold"]
    assert command[0] == "/app/deploy/container/drain" and int(command[1]) > seen
    assert web["terminationGracePeriodSeconds"] > int(command[1]) + 25
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"  # never a dependency
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_what_can_be_many_may_lose_one_and_grow(repository: Path) -> None:
    found = list(resources(repository))
    for kind in ("HorizontalPodAutoscaler", "PodDisruptionBudget"):
        assert {each["metadata"]["name"] for each in found if each["kind"] == kind} == {"web", "worker"}
    policies = {each["metadata"]["name"]: each["spec"] for each in found if each["kind"] == "NetworkPolicy"}
    assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    old, new = (each["ipBlock"] for each in policies["worker-to-outside"]["egress"][0]["to"])
    assert old["cidr"] == "0.0.0.0/0" and {"169.254.0.0/16", "10.0.0.0/8"} <= set(old["except"])
    assert new["cidr"] == "::/0" and {"fc00::/7", "fe80::/10"} <= set(new["except"]), "receivers by IPv6 alone"


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_node_can_be_drained(repository: Path, overlay: str) -> None:
    """A budget that a single pod can never keep holds up every drain and every upgrade of the nodes."""
    found = rendered(repository, overlay)
    scalers, budgets = (
        {each["metadata"]["name"]: each["spec"] for each in found if each["kind"] == kind}
        for kind in ("HorizontalPodAutoscaler", "PodDisruptionBudget")
    )
    assert budgets.keys() == scalers.keys()
    for name, budget in budgets.items():
        fewest = scalers[name]["minReplicas"]
        may_go = budget.get("maxUnavailable", fewest - budget.get("minAvailable", 0))
        assert may_go == 1, f"{may_go} of {fewest} {name} may go at a time"


def test_a_deployment_does_not_undo_what_the_autoscaler_did(repository: Path) -> None:
    found = list(resources(repository))
    scaled = {each["metadata"]["name"] for each in found if each["kind"] == "HorizontalPodAutoscaler"}
    counted = {
        each["metadata"]["name"] for each in found if each["kind"] == "Deployment" and "replicas" in each["spec"]
    }
    assert counted == {"scheduler", "sequencer", "metrics"} and not counted & scaled
    overlays = repository / "deploy" / "kubernetes" / "overlays"
    assert not [
        path for path in overlays.glob("*/kustomization.yaml") if "replicas" in yaml.safe_load(path.read_text())
    ]


def test_a_first_deployment_waits_for_no_secret_that_only_it_can_make(repository: Path) -> None:
    [spec] = [pod for name, pod in pods(list(resources(repository))) if name == "postflight"]
    [smoke] = [
        each["secretRef"] for each in spec["containers"][0]["envFrom"] if "smoke" in str(each.get("secretRef", ""))
    ]
    assert smoke == {"name": "gdpr-portal-smoke", "optional": True}


def test_the_owner_inherits_the_right_to_make_tables(repository: Path) -> None:
    """PostgreSQL 15 gives it by the role pg_database_owner, which a role without INHERIT does not act for."""
    made = re.findall(r"^CREATE ROLE gdpr_(\w+) LOGIN (\w+)", text(repository, "deploy", "compose", "roles.sh"), re.M)
    assert dict(made) == {"owner": "INHERIT", "app": "NOINHERIT", "sequencer": "NOINHERIT"}
    words = text(repository, "deploy", "compose", "roles.sh")
    assert words.index("GRANT gdpr_owner TO CURRENT_USER;") < words.index("CREATE DATABASE"), (
        "who is no superuser has to"
    )


def test_jobs_of_a_deployment_are_commands_that_are_there(repository: Path) -> None:
    from django.core.management import get_commands, load_command_class

    for name, pod in pods(list(resources(repository))):
        for each in pod["containers"]:
            word, *rest = each["args"]
            if word not in LONG_RUNNING | {"release"}:
                parser = load_command_class(get_commands()[word], word).create_parser("manage.py", word)
                parser.parse_args([str(part) for part in rest]), name


# --- the pipeline -----------------------------------------------------------------------------------------------------
def workflow(repository: Path, name: str) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(text(repository, ".github", "workflows", f"{name}.yml"))
    return found


def test_ci_runs_exactly_the_one_script(repository: Path) -> None:
    steps = workflow(repository, "ci")["jobs"]["run"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]
    commands = [line for line in text(repository, ".ci", "run").splitlines() if line.startswith("make ")]
    assert commands == ["make test", 'make soak SOAK="--short --if-changed"']


def test_an_image_is_promoted_step_by_step_and_built_once(repository: Path) -> None:
    jobs = workflow(repository, "deliver")["jobs"]
    assert [jobs[name]["needs"] for name in OVERLAYS] == ["image", ["image", "dev"], ["image", "staging"]]
    for name in OVERLAYS:
        assert jobs[name]["with"]["digest"] == "${{ needs.image.outputs.digest }}"
        assert jobs[name]["with"]["environment"] == name
        assert jobs[name]["uses"] == "./.github/workflows/promote.yml"
    assert sum("build-push" in str(step.get("uses")) for step in jobs["image"]["steps"]) == 1
    for name in ("ci", "deliver", "promote"):
        assert workflow(repository, name)["permissions"] == {"contents": "read"}
    runs = [step.get("run", "") for step in workflow(repository, "promote")["jobs"]["deploy"]["steps"]]
    assert not [run for run in runs if "${{" in run]  # nothing from outside is pasted into a command


FAKE = """#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in
*jsonpath*) case "$*" in *"job $FAILS "*) echo Failed ;; *) echo Complete ;; esac ;;
esac
"""


@pytest.mark.parametrize(
    ("fails", "stages"),
    [
        ("none", ["ground", "preflight", "release", "run", "postflight"]),
        ("preflight", ["ground", "preflight"]),
        ("release", ["ground", "preflight", "release"]),
    ],
)
def test_a_deployment_stops_at_the_first_step_that_fails(
    repository: Path, tmp_path: Path, fails: str, stages: list[str]
) -> None:
    (tmp_path / "kubectl").write_text(FAKE)
    (tmp_path / "kubectl").chmod(0o755)
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CALLS": str(tmp_path / "calls"), "FAILS": fails}
    done = subprocess.run(
        [str(repository / "deploy" / "kubernetes" / "deploy"), "staging"],
        env=env, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    applied = re.findall(r"--selector gdpr-portal/stage=(\w+)", (tmp_path / "calls").read_text())
    assert applied == stages and (done.returncode == 0) == (fails == "none"), done.stderr
    known_stages = {each["metadata"]["labels"]["gdpr-portal/stage"] for each in resources(repository)}
    assert known_stages == {"ground", "preflight", "release", "run", "postflight"}


def test_what_the_pages_type_in_a_container_can_be_run(repository: Path) -> None:
    """`./manage.py` of the runbook's alias is executed; what `compose run` is given is a word of the entrypoint."""
    pages = "\n".join(path.read_text() for path in repository.glob("docs/*.md"))
    assert "exec deploy/worker -c worker -- ./manage.py" in pages
    for typed in set(re.findall(r"exec .*? (\./\w[\w./]+)", pages)):
        assert os.access(repository / typed, os.X_OK), f"{typed} cannot be executed"
    given = re.findall(r"docker compose run --rm \w+ ([^\s`]+)", pages)
    assert given and not [word for word in given if not word.isalpha()]


def test_the_image_has_database_programs_that_speak_tls(repository: Path) -> None:
    """Managed databases take nothing else, and those of the embedded one cannot: backup and dbshell would fail."""
    [version] = re.findall(r"postgresql-client-(\d+)", text(repository, "Dockerfile"))
    assert "pginstall" not in text(repository, "Dockerfile")
    asked = re.findall(r'engine_version += "(\d+)"', text(repository, "deploy", "terraform", "main.tf"))
    compose = re.findall(r"image: postgres:(\d+)", text(repository, "compose.yaml"))
    assert asked and compose and all(int(server) <= int(version) for server in [*asked, *compose])
