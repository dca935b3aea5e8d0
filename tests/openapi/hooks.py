"""For Schemathesis: keeps it from revoking the key that it asks with, or closing that key's tenant (all that came after would be refused, and no mistake found), and from addresses that end before a parameter: these are others."""

from __future__ import annotations

import os
from typing import Any

import schemathesis

OWN = set(os.environ["CORBEL_OPENAPI_OWN"].split())


@schemathesis.hook
def before_call(_: Any, case: Any, __: Any) -> None:
    for name, value in case.path_parameters.items():
        if not str(value):
            case.path_parameters[name] = "nobody"
    if case.method in ("PATCH", "DELETE") and case.operation.path.startswith(("/admin/v1/keys/", "/admin/v1/tenants/")) and set(map(str, case.path_parameters.values())) & OWN:
        case.path_parameters = {"id": "nobody"}
