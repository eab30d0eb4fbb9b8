"""Fetch a model from an object store into a folder: a program that the download Job hands to the image's own Python.

Standard library alone, because nothing is installed at run time. Two ways of asking: S3 (signature version 4; without
keys, as anybody), and a pre-authenticated request of OCI Object Storage, whose address is the credential and is never
shown. Files that are there in full are left alone and parts are resumed, so that a Job that is run again goes on.
Source: Amazon S3 API reference (ListObjectsV2, GetObject, signature version 4); OCI Object Storage, pre-authenticated
requests.

    python3 -c PROGRAM s3://BUCKET/PREFIX FOLDER
    python3 -c PROGRAM par://BUCKET/PREFIX FOLDER      (address in MODEL_REQUEST)
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import hmac
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from typing import Any, Iterator

ATTEMPTS = 5
CHUNK = 8 * 1024 * 1024
NOT_NEEDED = "original/"


def sign(url: str, now: time.struct_time) -> dict[str, str]:
    """Headers of a GET request to S3; empty without keys."""
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret:
        return {}
    parts, region = urllib.parse.urlsplit(url), region_of()
    stamp, day = time.strftime("%Y%m%dT%H%M%SZ", now), time.strftime("%Y%m%d", now)
    headers = {"host": parts.netloc, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": stamp}
    if os.environ.get("AWS_SESSION_TOKEN"):
        headers["x-amz-security-token"] = os.environ["AWS_SESSION_TOKEN"]
    names = ";".join(sorted(headers))
    listed = "".join(name + ":" + headers[name] + "\n" for name in sorted(headers))
    request = f"GET\n{parts.path}\n{parts.query}\n{listed}\n{names}\nUNSIGNED-PAYLOAD"
    scope = f"{day}/{region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    made = ("AWS4" + secret).encode()
    for part in (*scope.split("/"), text):
        made = hmac.new(made, part.encode(), hashlib.sha256).digest()
    headers["Authorization"] = (
        "AWS4-HMAC-SHA256 Credential=" + key + "/" + scope + ", SignedHeaders=" + names + ", Signature=" + made.hex()
    )
    return headers


def region_of() -> str:
    """The region that requests are signed for."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def opened(url: str, headers: dict[str, str], start: int = 0) -> Any:
    """An answer; from byte `start` on if that is not 0."""
    asked = dict(headers)
    if start:
        asked["Range"] = f"bytes={start}-"
    return urllib.request.urlopen(urllib.request.Request(url, headers=asked), timeout=120)


class Bucket:
    """Objects of an S3 bucket."""

    def __init__(self, bucket: str) -> None:
        given = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        endpoint = given or "https://s3." + region_of() + ".amazonaws.com"
        self.base = endpoint.rstrip("/") + "/" + bucket

    def open(self, name: str, start: int = 0) -> Any:
        """The content of an object, from byte `start` on."""
        url = self.base + "/" + urllib.parse.quote(name, safe="/~")
        return opened(url, sign(url, time.gmtime()), start)

    def listed(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Names and sizes of all objects below a prefix."""
        token = ""
        while True:
            asked = {"list-type": "2", "prefix": prefix}
            if token:
                asked["continuation-token"] = token
            query = "&".join(name + "=" + urllib.parse.quote(asked[name], safe="~") for name in sorted(asked))
            url = self.base + "?" + query
            tree = ET.fromstring(opened(url, sign(url, time.gmtime())).read())
            space = tree.tag[: tree.tag.find("}") + 1]
            for entry in tree.iter(space + "Contents"):
                yield entry.findtext(space + "Key") or "", int(entry.findtext(space + "Size") or 0)
            token = tree.findtext(space + "NextContinuationToken") or ""
            if not token:
                return


class Request:
    """Objects behind a pre-authenticated request."""

    def __init__(self, bucket: str) -> None:
        del bucket  # the address knows it
        address = os.environ.get("MODEL_REQUEST", "").strip()
        if "/o" not in address:
            sys.exit("MODEL_REQUEST holds no address of a pre-authenticated request that ends in /o/")
        self.base = address[: address.rindex("/o") + 2] + "/"

    def open(self, name: str, start: int = 0) -> Any:
        """The content of an object, from byte `start` on."""
        return opened(self.base + urllib.parse.quote(name, safe="/~"), {}, start)

    def listed(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Names and sizes of all objects below a prefix."""
        start = ""
        while True:
            asked = {"prefix": prefix, "fields": "name,size"}
            if start:
                asked["start"] = start
            found = json.load(opened(self.base + "?" + urllib.parse.urlencode(asked), {}))
            for entry in found["objects"]:
                yield entry["name"], int(entry["size"])
            start = found.get("nextStartWith") or ""
            if not start:
                return


def fetch(store: Bucket | Request, name: str, size: int, path: str) -> None:
    """One object into a file, resumed after a fault."""
    if os.path.exists(path) and os.path.getsize(path) == size:
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    part = path + ".part"
    for attempt in range(ATTEMPTS):
        try:
            append(store, name, size, part)
        except OSError as fault:
            if getattr(fault, "code", 500) in (401, 403, 404) or attempt == ATTEMPTS - 1:
                raise
            time.sleep(min(2**attempt, 30))
            continue
        if os.path.getsize(part) == size:
            os.replace(part, path)
            print(f"{size:14d}  {name}", flush=True)
            return
    sys.exit(f"{name} ended early {ATTEMPTS} times")


def append(store: Bucket | Request, name: str, size: int, part: str) -> None:
    """What is still missing of an object, behind what is there; all of it if the store does not resume."""
    have = os.path.getsize(part) if os.path.exists(part) else 0
    if have > size:
        os.remove(part)
        have = 0
    if have == size:
        open(part, "ab").close()
        return
    with store.open(name, have) as answer, open(part, "ab" if answer.status == 206 else "wb") as out:
        block = answer.read(CHUNK)
        while block:
            out.write(block)
            block = answer.read(CHUNK)


def check(folder: str) -> None:
    """All files that the index of the weights names are there."""
    index = os.path.join(folder, "model.safetensors.index.json")
    if not os.path.exists(os.path.join(folder, "config.json")):
        sys.exit("there is no config.json below this path: it is no model's folder")
    if os.path.exists(index):
        with open(index, encoding="utf-8") as text:
            wanted = set(json.load(text)["weight_map"].values())
        missing = sorted(name for name in wanted if not os.path.exists(os.path.join(folder, name)))
        if missing:
            sys.exit("files of the index are missing: " + ", ".join(missing))


def main(source: str, folder: str) -> None:
    """Fetch everything below the source."""
    scheme, _, place = source.partition("://")
    bucket, _, path = place.partition("/")
    store = {"s3": Bucket, "par": Request}[scheme](bucket)
    prefix = path.strip("/") + "/" if path.strip("/") else ""
    try:
        found = [(name, size) for name, size in store.listed(prefix) if not name.endswith("/")]
        wanted = [(name, size) for name, size in found if not name[len(prefix) :].startswith(NOT_NEEDED)]
        if not wanted:
            sys.exit("nothing is stored below " + source)
        total = sum(size for _, size in wanted)
        print(f"{len(wanted)} files, {total / 1e9:.2f} GB, from {source}", flush=True)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            jobs = [
                pool.submit(fetch, store, name, size, os.path.join(folder, *name[len(prefix) :].split("/")))
                for name, size in wanted
            ]
            for job in jobs:
                job.result()
    except urllib.error.HTTPError as fault:
        sys.exit(f"{source}: the store answers {fault.code} {fault.reason}")
    except OSError as fault:
        sys.exit(f"{source}: {getattr(fault, 'reason', fault)}")
    check(folder)
    print(f"{len(wanted)} files, {total} bytes are in {folder}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
