"""What a person at the terminal and a driver are told once the instance is up: addresses, logins, where mail lies."""

import json
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from deploy.local.instance import ROOT, write_private
from deploy.local.programs import Plan


def credentials(run_dir: Path) -> dict[str, Any]:
    """What `manage.py demo` left: `{"applications": {...}, "people": {...}}`, both empty when it did not run."""
    path = run_dir / "demo-credentials.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return {"applications": found.get("applications", {}), "people": found.get("people", {})}


def description(plan: Plan) -> dict[str, Any]:
    """The content of `demo.json`, which outside drivers rely on."""
    return {
        "web": plan.instance.base_url,
        "metrics": f"http://127.0.0.1:{plan.metrics_port}/metrics",
        "mail_dir": str(plan.instance.run_dir / "mail"),
        "manage": [sys.executable, str(ROOT / "manage.py")],
        "env": plan.everything(),
        **credentials(plan.instance.run_dir),
    }


def write(plan: Plan) -> None:
    """`demo.json` (0600) tells drivers how to reach this instance.

    It stands before `/readyz` can answer 200, so whoever has seen 200 finds it.
    """
    write_private(plan.instance.run_dir / "demo.json", description(plan))


def readiness(plan: Plan) -> str:
    """`ready`, or in a few words why not."""
    context = ssl.create_default_context(cafile=str(plan.tls[0])) if plan.tls else None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(f"{plan.instance.base_url}/readyz", timeout=2) as answer:
            return "ready" if answer.status == 200 else f"/readyz answers {answer.status}"
    except urllib.error.HTTPError as error:
        return f"/readyz answers {error.code}: {error.read(300).decode('utf-8', 'replace').strip()}"
    except (OSError, ValueError) as error:
        return f"no answer yet ({type(error).__name__})"


def page(plan: Plan) -> str:
    """What is printed when the instance is up."""
    told = description(plan)
    web = plan.instance.spoken_url
    lines = [
        "",
        f"Portal      {web}/",
        f"Admin       {web}/admin/",
        f"API docs    {web}/api/docs",
        f"Metrics     {told['metrics']}",
        f"Mail        {told['mail_dir']}",
        f"Everything  {plan.instance.run_dir / 'demo.json'}",
    ]
    if plan.tls:
        lines.append(f"Authority   {plan.tls[0]}")
    if told["people"]:
        lines += ["", "People (e-mail, password, TOTP secret):"]
        lines += [
            f"  {name:<10} {who.get('email')}  {who.get('password')}  {who.get('totp_secret')}"
            for name, who in told["people"].items()
        ]
    if told["applications"]:
        lines += ["", "Applications (client id, client secret):"]
        lines += [
            f"  {name:<10} {what.get('client_id')}  {what.get('client_secret')}"
            for name, what in told["applications"].items()
        ]
    return "\n".join([*lines, "", "Ctrl-C stops everything."])
