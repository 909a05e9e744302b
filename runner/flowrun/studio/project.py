"""What the page is told of the project: everything that is drawn, with what is wrong with it, also where there is."""

from __future__ import annotations

from flowrun.config.outline import OutlinedField, OutlinedPipeline, OutlinedTunnel
from flowrun.expr.functions import FILTERS, FUNCTIONS, TESTS
from flowrun.store.identity import without_password
from flowrun.studio.folder import Snapshot, file_etag
from flowrun.studio.launch import Launch
from flowrun.studio.problems import listed


def project_content(snapshot: Snapshot, launch: Launch) -> dict[str, object]:
    """The answer to GET /api/project. Paths are below the flows folder."""
    drawn = snapshot.outline
    return {
        "etag": snapshot.etag,
        "project": drawn.project,
        "timezone": drawn.timezone,
        "read_only": launch.read_only,
        "allow_apply": launch.allow_apply and not launch.read_only,
        "environment": launch.project.environment,
        "folder": launch.project.folder.as_posix(),
        "store": without_password(launch.store),
        "files": [{"path": path, "etag": file_etag(data)} for path, data in snapshot.texts.items()],
        "ok": snapshot.ok,
        "diagnostics": listed(snapshot.loaded.findings),
        "fields": [_field(one) for one in drawn.fields],
        "built_in": [_field(one) for one in drawn.built_in],
        "vars": [{"id": one.id, "type": one.type, "default": one.default} for one in drawn.vars],
        "calendars": list(drawn.calendars),
        "functions": [
            {"name": one.name, "role": one.role, "signature": one.signature, "doc": one.doc}
            for table in (FUNCTIONS, FILTERS, TESTS)
            for one in table.values()
        ],
        "pipelines": [_pipeline(one) for one in drawn.pipelines],
        "tunnels": [_tunnel(one) for one in drawn.tunnels],
    }


def _field(one: OutlinedField) -> dict[str, object]:
    values = None if one.values is None else list(one.values)
    return {"id": one.id, "type": one.type, "values": values, "places": one.places, "default": one.default}


def _pipeline(one: OutlinedPipeline) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.name,
        "calendar": one.calendar,
        "file": one.span.file,
        "line": one.span.line,
        "stages": [
            {
                "id": stage.id,
                "stage": stage.stage,
                "name": stage.name,
                "outcome": stage.outcome,
                "requires": list(stage.requires),
                "file": stage.span.file,
                "line": stage.span.line,
            }
            for stage in one.stages
        ],
    }


def _tunnel(one: OutlinedTunnel) -> dict[str, object]:
    return {
        "id": one.id,
        "description": one.description,
        "from": list(one.sources),
        "to": one.target,
        "action": one.action,
        "mode": one.mode,
        "file": one.span.file,
        "line": one.span.line,
        "keys": dict(one.keys),
    }
