"""Runs scim2-tester and scim-sanity against one server, checks the OpenAPI document of its admin
API, and writes what they found as JSON.

Environment: SCIM_URL, SCIM_TOKEN, and OPENAPI_URL where there is a document. Argument: the file to
write.
"""

import json
import os
import sys

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import check_server
from openapi_spec_validator import OpenAPIV31SpecValidator
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


def openapi():
    document = os.environ.get("OPENAPI_URL")
    if document is None:
        return []
    with Client(timeout=60, trust_env=False) as client:
        spec = client.get(document).raise_for_status().json()
    assert spec["openapi"].startswith("3.1."), spec["openapi"]
    operations = sum(len(path) for path in spec["paths"].values())
    errors = [
        {"name": "/".join(map(str, error.absolute_path)), "status": "FAIL",
         "message": error.message[:2000], "data": ""}
        for error in OpenAPIV31SpecValidator(spec).iter_errors()
    ]
    passed = {"name": "OpenAPI 3.1", "status": "PASS", "message": f"{operations} operations", "data": ""}
    return errors or [passed]


with open(sys.argv[1], "w", encoding="utf-8") as out:
    json.dump({"tester": tester(), "sanity": sanity(), "openapi": openapi()}, out)
