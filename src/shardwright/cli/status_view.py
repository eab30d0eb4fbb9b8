"""A deployment's status as text: the same words for this machine and for a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright.units import format_passed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

__all__ = ["access_lines", "cluster_one", "list_text", "machine_one"]

_HEADINGS = ("NAMESPACE", "NAME", "TARGET", "STATE", "READY", "LAYOUT", "REVISION")
_WARNINGS = 5
_MESSAGE = 160


def list_text(found: Sequence[Mapping[str, Any]], sides: Collection[str]) -> str:
    """All deployments; where they are, if there was more than one place to look."""
    if len(sides) > 1:
        return _both_list(found)
    return _cluster_list(found) if "cluster" in sides else _machine_list(found)


def _machine_list(found: Sequence[Mapping[str, Any]]) -> str:
    """All deployments of this machine."""
    from shardwright.cli.tables import table

    headings = ("NAMESPACE", "NAME", "STATE", "HOSTS", "LAYOUT", "URL")
    rows = [
        (one["namespace"], one["name"], one["state"], str(len(one["hosts"])), one["layout"], one["url"] or "")
        for one in found
    ]
    return table(headings, rows)


def _cluster_list(found: Sequence[Mapping[str, Any]]) -> str:
    """All deployments of a cluster's namespace, or of all."""
    from shardwright.cli.tables import table

    return table(_HEADINGS, [_row(one) for one in found], right=(6,))


def _both_list(found: Sequence[Mapping[str, Any]]) -> str:
    """Those of this machine, and those of a cluster."""
    from shardwright.cli.tables import table

    rows = [
        (*_row(one), "this machine" if one["where"] == "machine" else f"context {one['context']}", one.get("url") or "")
        for one in found
    ]
    return table((*_HEADINGS, "WHERE", "URL"), rows, right=(6,))


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        one["namespace"],
        one["name"],
        one["target"],
        one["state"],
        one["ready"],
        one["layout"] or "",
        str(one["revision"]),
    )


def machine_one(one: Mapping[str, Any], *, wide: bool) -> str:
    """One deployment of this machine."""
    from shardwright.cli.tables import table

    head = f"{one['namespace']}/{one['name']}: {one['state']}, {one['layout']}, revision {one['revision']}"
    lines = [head]
    if one["message"]:
        lines.append(f"  {one['message']}")
    death = one.get("firstDeath")
    if death:
        lines += [f"  first to end: {death['text']}", *(f"    {line}" for line in death.get("log", ())[-8:])]
    headings = ("RANK", "HOST", "ADDRESS", "PHASE", "%")
    rows = [
        (str(rank["rank"]), rank["host"], rank["address"], rank["phase"], str(rank["percent"])) for rank in one["ranks"]
    ]
    lines += ["", table(headings, rows, right=(0, 4))]
    if wide:
        lines += ["", f"logs: {one['logs']}", f"ready after: {one['readySeconds'] or '-'} s"]
    if one["state"] == "ready":
        lines += ["", f"ask it: {one['curl']}"]
    return "\n".join(lines)


def _download(one: Mapping[str, Any]) -> str:
    told = f": {one['message']}" if one["message"] else ""
    return f"  download {one['name']}: {one['state']}{told}"[:_MESSAGE]


def cluster_one(one: Mapping[str, Any], *, wide: bool) -> str:
    """One deployment of a cluster."""
    about = [one["state"], one["target"], one["layout"], f"revision {one['revision']}" if one["revision"] else ""]
    lines = [f"{one['namespace']}/{one['name']}: {', '.join(part for part in about if part)}"]
    if one["message"] and one["state"] != "ready":
        lines.append(f"  {one['message'][:_MESSAGE]}")
    lines += [_download(each) for each in one["downloads"] if each["state"] != "complete"]
    lines += ["", _members(one, wide=wide)] if one["members"] else []
    lines += ["", _ranks(one)] if one["ranks"] and one["state"] != "ready" else []
    lines += list(_warnings(one)) if wide or one["state"] != "ready" else []
    lines += list(_devices(one["devices"])) if one["devices"] is not None else []
    if one["ray"] is not None:
        lines += [
            "",
            "ray status:",
            *(f"  {line}" for line in (one["ray"]["text"] or one["ray"]["reason"]).splitlines()),
        ]
    lines += list(access_lines(one["access"])) if one["state"] in {"ready", "degraded"} else []
    return "\n".join(lines)


def _devices(members: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    from shardwright.cli.tables import table
    from shardwright.units import format_gib

    rows = [
        (
            member["name"],
            "" if device["rank"] is None else str(device["rank"]),
            f"{device['index']} {device['device']}",
            format_gib(device["usedBytes"]),
            "" if device["plannedBytes"] is None else format_gib(device["plannedBytes"]),
            format_gib(device["totalBytes"]),
            "" if device["use"] is None else f"{device['use']:.0%}",
        )
        for member in members
        for device in member["devices"]
    ]
    yield ""
    if rows:
        yield table(("POD", "RANK", "GPU", "USED GiB", "PLANNED GiB", "TOTAL GiB", "USE"), rows, right=(1, 3, 4, 5, 6))
    for member in members:
        if member["reason"]:
            yield f"{member['name']}: {member['reason']}"
        if member["text"]:
            yield f"{member['name']}:"
            yield from (f"  {line}" for line in member["text"].splitlines())


def access_lines(access: Mapping[str, Any]) -> Iterator[str]:
    """How it is asked: where, by which name, with which key, and a line that works."""
    yield ""
    yield f"url inside: {access['url'] or 'none: no Service leads to it'}, base path {access['basePath']}"
    if access["urlOutside"]:
        yield f"url outside: {access['urlOutside']}"
    if access["wayIn"]:
        yield from _way_in(access["wayIn"])
    authentication = access["authentication"]
    how = {"none": "no key", "key": "a key as bearer token", "token": "a token of the platform as bearer token"}
    told = how[authentication["kind"]] + (f": {authentication['command']}" if "command" in authentication else "")
    yield f"model: {access['servedName']}; {told}"
    if access["curl"]:
        yield f"ask it inside the cluster:\n  {access['curl']}"
    if access["curlOutside"]:
        yield f"ask it from outside:\n  {access['curlOutside']}"
    elif access["portForward"]:
        yield f"ask it from here:\n  {access['portForward']} &\n  {access['curlForwarded']}"


def _way_in(found: Mapping[str, Any]) -> Iterator[str]:
    """What leads in from outside: the address that its host has to have, or what it waits for."""
    if found["waitsFor"]:
        yield f"  not open yet: {found['waitsFor']}"
    elif found["addresses"]:
        yield f"  by {found['kind']} {found['name']} at {', '.join(found['addresses'])}"


def _members(one: Mapping[str, Any], *, wide: bool) -> str:
    from shardwright.cli.tables import table

    headings = (
        "REPLICA",
        "ROLE",
        "POD",
        "STATE",
        "RESTARTS",
        "NODE",
        *(("ADDRESS", "GPUS", "SINCE") if wide else ()),
        "REASON",
    )
    rows = [
        (
            str(each["replica"]),
            each["role"],
            each["name"],
            each["state"],
            str(each["restarts"]),
            each["node"],
            *((each["address"], str(each["gpus"]), each["startedAt"]) if wide else ()),
            each["reason"],
        )
        for each in one["members"]
    ]
    return table(headings, rows, right=(0, 4))


def _ranks(one: Mapping[str, Any]) -> str:
    from shardwright.cli.tables import table

    rows = [
        (
            str(each["rank"]),
            str(each["member"]),
            each["phase"],
            str(each["percent"]),
            format_passed(each["phaseSeconds"], each["expectedSeconds"]),
            each["text"],
        )
        for each in one["ranks"]
    ]
    return table(("RANK", "MEMBER", "PHASE", "%", "SINCE", ""), rows, right=(0, 1, 3))


def _warnings(one: Mapping[str, Any]) -> Iterator[str]:
    if one["warnings"]:
        yield ""
    for each in one["warnings"][-_WARNINGS:]:
        times = f" ({each['count']} times)" if each["count"] > 1 else ""
        yield f"warning: {each['subject']}: {each['reason']}{times}: {each['message'][:_MESSAGE]}"
