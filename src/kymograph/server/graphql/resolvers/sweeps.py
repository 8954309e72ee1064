"""Sweeps, run queues and views as far as clients probe for them: there are none, and saying so lets clients go on."""

from __future__ import annotations

from ariadne import ObjectType

from kymograph.server.graphql.connections import whole

project = ObjectType("Project")
project.set_field("sweep", lambda _parent, _info, **_arguments: None)
project.set_field("sweeps", lambda _parent, _info, **_arguments: whole([]))
project.set_field("totalSweeps", lambda _parent, _info: 0)
project.set_field("runQueue", lambda _parent, _info, **_arguments: None)
project.set_field("runQueues", lambda _parent, _info: [])
project.set_field("allViews", lambda _parent, _info, **_arguments: whole([]))

BINDABLES = [project]
