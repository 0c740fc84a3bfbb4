"""Uploads and downloads artifacts with the requests of GitHub's artifact service, version 4.

A stand-in for the actions upload-artifact and download-artifact, for act's artifact server.
"""

from __future__ import annotations

import fnmatch
import glob
import io
import json
import os
import sys
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

SERVICE = "twirp/github.actions.results.api.v1.ArtifactService"
RUN = {"workflowRunBackendId": os.environ["GITHUB_RUN_ID"], "workflowJobRunBackendId": "job"}


def request(method: str, url: str, body: bytes, kind: str) -> bytes:
    """Send a request as this job and return the body of the answer."""
    headers = {
        "Content-Type": kind,
        "Authorization": f"Bearer {os.environ['ACTIONS_RUNTIME_TOKEN']}",
    }
    sent = urllib.request.Request(url, body, headers, method=method)
    with urllib.request.urlopen(sent) as answer:
        data: bytes = answer.read()
    return data


def call(function: str, **fields: Any) -> dict[str, Any]:
    """Call a function of the service."""
    url = f"{os.environ['ACTIONS_RESULTS_URL'].rstrip('/')}/{SERVICE}/{function}"
    answer: dict[str, Any] = json.loads(
        request("POST", url, json.dumps(RUN | fields).encode(), "application/json")
    )
    return answer


def matches(patterns: list[str]) -> list[Path]:
    """Return the files of patterns, and all files of folders."""
    found = [Path(match) for pattern in patterns for match in sorted(glob.glob(pattern))]
    return [f for p in found for f in (sorted(p.rglob("*")) if p.is_dir() else [p]) if f.is_file()]


def upload() -> None:
    """Upload the files of $FILES, below the folder that all lines have in common, as $NAME."""
    patterns = [line.strip() for line in os.environ["FILES"].splitlines() if line.strip()]
    # A glob and a single file are uploaded below the folder in which they are.
    roots = [p if Path(p).is_dir() else str(Path(p).parent) for p in patterns]
    root = os.path.commonpath([Path(r).absolute() for r in roots])
    files = matches(patterns)
    if os.environ["HIDDEN"] != "true":
        below = [(f, f.absolute().relative_to(root)) for f in files]
        files = [f for f, name in below if not any(p.startswith(".") for p in name.parts)]
    if not files:
        print(f"::warning::No files were found with the provided path: {patterns}")
        return
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in files:
            archive.write(file, file.absolute().relative_to(root))
    name = os.environ["NAME"]
    made = call("CreateArtifact", name=name, version=4)
    url = made["signedUploadUrl"] + "&comp=appendBlock"
    request("PUT", url, packed.getvalue(), "application/octet-stream")
    ended = call("FinalizeArtifact", name=name, size=str(len(packed.getvalue())))
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as output:
        output.write(f"artifact-id={ended['artifactId']}\n")


def download() -> None:
    """Unpack the artifact $NAME or $NUMBER into $INTO, or those that match $PATTERN below it.

    A single one that matches is unpacked into $INTO itself, as the action does.
    """
    name, number = os.environ["NAME"], os.environ["NUMBER"]
    into, pattern = Path(os.environ["INTO"]), os.environ["PATTERN"]
    listed = call("ListArtifacts").get("artifacts", [])
    one = bool(name or number)
    chosen = [
        artifact["name"]
        for artifact in listed
        if (artifact["name"] == name if name else number == str(artifact["databaseId"]))
        or (not one and fnmatch.fnmatch(artifact["name"], pattern or "*"))
    ]
    if one and len(chosen) != 1:
        sys.exit(f"no artifact {name or number}")
    for artifact in chosen:
        url = call("GetSignedArtifactURL", name=artifact)["signedUrl"]
        data = request("GET", url, b"", "application/octet-stream")
        is_below = len(chosen) > 1 and os.environ["MERGE"] != "true"
        folder = into / artifact if is_below else into
        zipfile.ZipFile(io.BytesIO(data)).extractall(folder)


{"upload": upload, "download": download}[sys.argv[1]]()
