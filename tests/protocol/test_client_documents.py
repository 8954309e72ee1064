"""Documents are found in a client's wheel, whatever form they have there."""

import zipfile
from pathlib import Path

import pytest

from tests.protocol import check_documents
from tests.protocol.client_documents import wheel_documents


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "unpacked" / "client"
    folder.mkdir(parents=True)
    return folder


def texts(package: Path) -> dict[str, str]:
    documents, problems = wheel_documents(package.parent)
    assert problems == []
    return {document.name: " ".join(document.text.split()) for document in documents}


def test_a_plain_literal_is_a_document(package: Path) -> None:
    (package / "api.py").write_text('QUERY = gql("""#graphql\n  query Viewer { viewer { id } }""")\nOTHER = "query"\n')

    assert texts(package) == {"Viewer": "query Viewer { viewer { id } }"}


def test_prose_that_mentions_a_query_is_not(package: Path) -> None:
    (package / "api.py").write_text('"""Sends a query (see {there}) {} and waits."""\n')

    assert texts(package) == {}


@pytest.mark.parametrize(
    "module",
    [
        'F = "fragment F on Run { id }"\nQ = """query Run { project { run(name: "") { ...F } } }\n%s""" % F\n',
        'F = "fragment F on Run { id }"\n'
        'Q = """query Run {{ project {{ run(name: "") {{ ...F }} }} }}\n{}""".format(F)\n',
        'F = "fragment F on Run { id }"\nQ = f"""query Run {{ project {{ run(name: "") {{ ...F }} }} }}\n{F}"""\n',
    ],
    ids=["percent", "format", "f-string"],
)
def test_fragments_that_are_put_in_at_run_time_are_found(package: Path, module: str) -> None:
    (package / "api.py").write_text(module)

    assert texts(package) == {"Run": 'query Run { project { run(name: "") { ...F } } } fragment F on Run { id }'}


def test_optional_arguments_of_a_template_are_all_put_in(package: Path) -> None:
    (package / "api.py").write_text(
        'T = """mutation deleteFiles($files: [ID!]!{}) '
        '{{ deleteFiles(input: {{ files: $files {} }}) {{ success }} }}"""\n'
    )

    assert texts(package) == {
        "deleteFiles": "mutation deleteFiles($files: [ID!]!, $projectId: Int) "
        "{ deleteFiles(input: { files: $files, projectId: $projectId }) { success } }"
    }


def test_an_argument_that_the_template_has_already_is_not_put_in_twice(package: Path) -> None:
    (package / "api.py").write_text(
        'T = """mutation LinkArtifact($clientID: ID, ID_TYPE) '
        '{ linkArtifact(input: { clientID: $clientID, ID_VALUE }) { versionIndex } }"""\n'
    )

    assert texts(package) == {
        "LinkArtifact": "mutation LinkArtifact($clientID: ID, $artifactID: ID) "
        "{ linkArtifact(input: { clientID: $clientID, artifactID: $artifactID }) { versionIndex } }"
    }


def test_each_alternative_of_a_template_is_a_document(package: Path) -> None:
    (package / "api.py").write_text('T = """query RunFullHistory {{ run {{ {}(samples: 1) }} }}"""\n')

    documents, _ = wheel_documents(package.parent)

    assert ["history" in document.text for document in documents] == [True, False]


def test_a_template_that_cannot_be_completed_is_reported(package: Path) -> None:
    (package / "api.py").write_text('T = """query Strange { run { before } %s: id }"""\n')

    documents, problems = wheel_documents(package.parent)

    assert documents == []
    assert problems == ["client/api.py:1: Syntax Error: Expected Name, found ':'."]


def test_documents_in_a_compiled_program_are_cut_where_they_end(package: Path) -> None:
    (package / "wandb-core").write_bytes(
        b"\x00junk {(\nmutation Stop ($id: ID!) {\n\tstop(input: {id:$id}) {\n\t\tok\n\t}\n}\nnext constant"
        b"\nquery One {\n\trun {\n\t\t... F\n\t}\n}\nfragment F on Run {\n\tid\n}\n\xff\xfe"
    )

    assert texts(package) == {
        "Stop": "mutation Stop($id: ID!) { stop(input: { id: $id }) { ok } }",
        "One": "query One { run { ...F } } fragment F on Run { id }",
    }


def test_a_zipped_wheel_is_read_like_an_unpacked_one(package: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "client-1.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("client/api.py", 'Q = "query Viewer { viewer { id } }"')
        archive.writestr("client/vendor/other.py", 'Q = "query Vendored { viewer { id } }"')

    assert [document.name for document in wheel_documents(wheel)[0]] == ["Viewer"]


def test_the_check_counts_valid_and_invalid_documents(
    package: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KYMOGRAPH_CLIENT_DOCUMENTS", raising=False)
    (package / "api.py").write_text('A = "query Viewer { viewer { id } }"\nB = "query Bad { viewer { nonsense } }"\n')

    code = check_documents.main(["--wheel", str(package.parent)])

    assert code == 1
    assert capsys.readouterr().out.splitlines() == [
        "unpacked: 1 valid / 1 invalid",
        "  Bad (client/api.py:2): Cannot query field 'nonsense' on type 'User'.",
    ]


def test_the_check_takes_documents_that_were_collected_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "1.0").mkdir()
    (tmp_path / "1.0" / "Viewer.graphql").write_text("query Viewer { viewer { id } }")
    monkeypatch.setenv("KYMOGRAPH_CLIENT_DOCUMENTS", str(tmp_path))

    code = check_documents.main([])

    assert code == 0
    assert capsys.readouterr().out == "1.0: 1 valid / 0 invalid\n"


def test_a_version_without_documents_fails_the_check(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KYMOGRAPH_CLIENT_DOCUMENTS", raising=False)

    assert check_documents.main(["--wheel", str(package.parent)]) == 1
