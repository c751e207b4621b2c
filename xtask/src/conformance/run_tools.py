"""Runs scim2-tester and scim-sanity against one server and writes what they found as JSON.

Environment: SCIM_URL, SCIM_TOKEN. Argument: the file to write.
"""

import json
import os
import sys

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import check_server
from scim_sanity.probe.runner import run_probe_api

url, token = os.environ["SCIM_URL"].rstrip("/"), os.environ["SCIM_TOKEN"]


def tester():
    headers = {"Authorization": f"Bearer {token}"}
    with Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
        return [
            {
                "name": f"{result.resource_type or 'server'}: {result.title}",
                "status": result.status.name,
                "message": str(result.reason or ""),
                "data": str(result.data)[:2000] if result.data is not None else "",
            }
            for result in check_server(SyncSCIMClient(client))
        ]


def sanity():
    report = run_probe_api(url, token=token, strict=True, timeout=60)
    return [
        {
            "name": f"{result.get('phase', '')}: {result['name']}",
            "status": result["status"].upper(),
            "message": result.get("message", ""),
            "data": result.get("details", ""),
        }
        for result in report["results"]
    ]


with open(sys.argv[1], "w", encoding="utf-8") as out:
    json.dump({"tester": tester(), "sanity": sanity()}, out)
