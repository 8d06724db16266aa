"""workbench changelog: what each version changed, as people and programs read it."""

from __future__ import annotations


def test_each_version_says_what_it_changed_and_why_the_newest_first(two_versions):
    ran = two_versions.run("changelog", "daily_sales")
    assert ran.code == 0
    first, second = ran.out.index("\nv1, "), ran.out.index("v2, ")
    assert second < first
    assert "by ada@example.org" in ran.out
    assert "because" in ran.out
    document = two_versions.run("changelog", "daily_sales", "--json").json
    assert [each["version"] for each in document["versions"]] == [2, 1]
    assert document["live"] == 1
    assert document["versions"][0]["change"] == "behaviour-only"
    assert document["versions"][0]["items"]
    assert [
        each["version"] for each in two_versions.run("changelog", "daily_sales", "--limit", "1", "--json").json["versions"]
    ] == [2]


def test_a_deprecated_version_is_named(two_versions):
    assert two_versions.run("deprecate", "daily_sales@1", "--until", "2999-12-31", "--why", "returns").code == 0
    ran = two_versions.run("changelog", "daily_sales", "--json")
    assert [each["until"] for each in ran.json["deprecated"]] == ["2999-12-31"]
    assert "warning: daily_sales@1 is deprecated" in ran.err


def test_a_file_that_is_gone_leaves_the_versions_and_an_unknown_name_its_nearest(two_versions):
    (two_versions.root / "promoted" / "daily_sales" / "CHANGELOG.md").unlink()
    assert [each["heading"] for each in two_versions.run("changelog", "daily_sales", "--json").json["versions"]] == ["v2", "v1"]
    ran = two_versions.run("changelog", "daily_sale")
    assert ran.code == 2
    assert "did you mean 'daily_sales'" in ran.err
