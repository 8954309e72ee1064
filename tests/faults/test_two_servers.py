"""A data folder belongs to one server at a time."""

from __future__ import annotations

from tests.e2e.server import ServerProcess


def test_second_server_on_a_data_folder_refuses_and_says_why(own_server: ServerProcess) -> None:
    second = ServerProcess(own_server.data)
    second.log = own_server.data.parent / "second.log"
    second.launch()

    try:
        assert second.wait() != 0
    finally:
        second.kill()

    said = second.read_log()
    assert f"data folder {own_server.data} is in use by another Kymograph server" in said
    assert f"process {own_server.pid}" in said
    assert "--data" in said
    assert "Traceback" not in said
    with own_server.rest() as rest:
        assert rest.session()["user"]["username"] == "admin"


def test_killed_server_leaves_no_lock_behind(own_server: ServerProcess) -> None:
    own_server.kill()

    own_server.start()

    with own_server.rest() as rest:
        assert rest.session()["user"]["username"] == "admin"
