"""``workbench docs build``: a whole site or the one before, the same for the same state, and nothing of others replaced."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.conftest import Shop
from workbench.cli.docs import replace_folder


def files(site: Path) -> dict[str, str]:
    return {path.relative_to(site).as_posix(): path.read_text() for path in sorted(site.rglob("*")) if path.is_file()}


def test_each_table_has_a_page_and_all_links_lead_somewhere(two_versions: Shop) -> None:
    ran = two_versions.run("docs", "build")
    assert (ran.code, ran.out) == (0, "5 pages; next: open site/index.html\n")
    site = two_versions.root / "site"
    found = files(site)
    assert list(found) == [
        "index.html",
        "pipeline/daily_sales.html",
        "pipeline/region_totals.html",
        "source/customers.html",
        "source/orders.html",
    ]
    for name, text in found.items():
        for target in re.findall(r'href="([^"]+)"', text):
            assert (site / name).parent.joinpath(target).resolve().is_file(), (name, target)
        assert not re.findall(r"""src=|url\(|@import|https?://""", text)
    page = found["pipeline/daily_sales.html"]
    for said in ("Orders and revenue per day and region.", "ada@example.org", "1.0.0", "float64", "v2, ", "because", "36 h"):
        assert said in page, said
    assert page.index("<h3>v2") < page.index("<h3>v1")
    assert "<title>customers</title>" in page
    assert "personal" in found["source/customers.html"]
    assert not [*two_versions.root.glob(".tmp-*")]


def test_equal_state_gives_equal_bytes_and_a_new_one_takes_the_place_of_the_old(published: Shop) -> None:
    site = published.root / "site"
    assert published.run("docs", "build").code == 0
    before = files(site)
    (site / "pipeline" / "gone.html").write_text("of a pipeline that is no more")
    assert published.run("docs", "build", "--json").json["pages"] == 5
    assert files(site) == before


def test_a_folder_that_holds_something_else_is_left_alone(published: Shop) -> None:
    ran = published.run("docs", "build", "--to", "notebooks")
    assert ran.code == 2
    assert "did not write" in ran.err
    assert published.notebook.is_file()
    assert published.run("docs", "build", "--to", ".").code == 2
    (published.root / "empty").mkdir()
    assert published.run("docs", "build", "--to", "empty").code == 0
    assert published.run("docs", "build", "--to", "new/place").code == 0


def test_what_people_wrote_stays_text(published: Shop) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    settings = published.root / "pyproject.toml"
    settings.write_text(settings.read_text().replace('mask = { name = "redact" }', f"doc = '{evil}'\nowner = '{evil}'"))
    with (published.root / "promoted" / "daily_sales" / "CHANGELOG.md").open("a") as stream:
        stream.write(f"\n## v1, {evil}\n\n{evil}\n\n- {evil}\n")
    assert published.run("docs", "build").code == 0
    for name, text in files(published.root / "site").items():
        assert "<script>alert" not in text, name
        assert "<img" not in text, name


def test_a_workspace_without_anything_has_a_site_too(shop: Shop) -> None:
    assert shop.run("docs", "build").code == 0
    assert "Nobody has looked at its columns yet" not in (shop.root / "site" / "source" / "orders.html").read_text()
    assert "No live pipeline reads it." in (shop.root / "site" / "source" / "orders.html").read_text()


def test_what_was_there_stays_when_writing_fails(tmp_path: Path) -> None:
    site = tmp_path / "site"
    assert replace_folder(site, [("index.html", "old")]) == 1

    def failing() -> object:
        yield "index.html", "new"
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        replace_folder(site, failing())
    assert files(site) == {"index.html": "old"}
    assert os.listdir(tmp_path) == ["site"]


def test_a_builder_that_was_killed_between_two_renames_is_mended(tmp_path: Path) -> None:
    site = tmp_path / "site"
    replace_folder(site, [("index.html", "old")])
    site.rename(tmp_path / ".tmp-site-old")
    (tmp_path / ".tmp-site-new").mkdir()
    replace_folder(site, [("index.html", "new")])
    assert files(site) == {"index.html": "new"}
    assert os.listdir(tmp_path) == ["site"]


def test_a_changelog_that_is_gone_or_was_written_anew_leaves_the_versions(published: Shop) -> None:
    (published.root / "promoted" / "daily_sales" / "CHANGELOG.md").unlink()
    (published.root / "promoted" / "region_totals" / "CHANGELOG.md").write_bytes(b"\xff not a heading")
    assert published.run("docs", "build").code == 0
    for name in ("daily_sales", "region_totals"):
        assert "<h3>v1<" in (published.root / "site" / "pipeline" / f"{name}.html").read_text()
