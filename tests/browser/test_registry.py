"""Registries on the page."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.artifacts import log_artifact
from tests.e2e.rest import Rest


def make_registry(rest: Rest, organization: str, name: str, description: str) -> str:
    """A registry for everything; gives the name of its project."""
    rest.post("/admin/organizations", {"name": organization, "owner": "admin"})
    rest.graphql(
        "mutation ($input: UpsertModelInput!) { upsertModel(input: $input) { model { id } } }",
        input={
            "entityName": organization,
            "name": f"wandb-registry-{name}",
            "description": description,
            "access": "PRIVATE",
            "allowAllArtifactTypesInRegistry": True,
        },
    )
    return f"wandb-registry-{name}"


def link(rest: Rest, artifact: str, organization: str, project: str, collection: str, *aliases: str) -> None:
    """Put a version into a collection of a registry."""
    rest.graphql(
        "mutation ($input: LinkArtifactInput!) { linkArtifact(input: $input) { versionIndex } }",
        input={
            "artifactID": artifact,
            "entityName": organization,
            "projectName": project,
            "artifactPortfolioName": collection,
            "aliases": [{"artifactCollectionName": collection, "alias": alias} for alias in aliases],
        },
    )


def test_registries_lead_to_linked_versions(page: Page, rest: Rest, project: str) -> None:
    rest.create_run(project, "train")
    artifact = log_artifact(rest, project, "train", "net", {"weights.bin": b"w" * 1000}, type="model")
    registry = make_registry(rest, "guild", "models", "What **production** may run")
    link(rest, artifact, "guild", registry, "classifier", "candidate")
    page.goto("/")

    page.get_by_role("navigation", name="Lists").get_by_role("link", name="Registries").click()
    page.get_by_role("table", name="Registries").get_by_role("link", name="guild / models").click()
    expect(page.locator(".markdown strong")).to_have_text("production")
    row = page.get_by_role("table", name="Collections").get_by_role("row", name="classifier")
    expect(row).to_contain_text("candidate")
    page.get_by_role("button", name="Add: alias").click()
    page.get_by_role("textbox", name="New alias").fill("candidate")
    page.keyboard.press("Enter")
    expect(row.get_by_label("protected")).to_be_visible()
    page.get_by_role("searchbox", name="Filter collections").fill("nothing")
    expect(page.get_by_text("No collection matches")).to_be_visible()
    page.get_by_role("searchbox", name="Filter collections").fill("class")
    row.get_by_role("link", name="v0").click()

    expect(page.get_by_role("heading", name="classifier:v0")).to_be_visible()
    expect(page.get_by_text(f"link to {project}/net:v0")).to_be_visible()
