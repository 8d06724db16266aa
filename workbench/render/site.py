"""The dictionary as a static site: an index that can be searched and a page for each table, which work from the file system."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from workbench.catalog.changelog import Told
from workbench.catalog.dictionary import Entry
from workbench.catalog.links import Walks
from workbench.render.catalog import leaving_said
from workbench.render.grid import clean
from workbench.render.lineage_layout import layout
from workbench.render.lineage_page import ROLES, environment, used

MOST_LINKS = 400


def pages(
    title: str, entries: Sequence[Entry], walks: Walks, versions: Callable[[str], Sequence[Told]]
) -> Iterator[tuple[str, str]]:
    """Every page: its place in the site and its text. Equal state gives equal pages; they hold no time of their own.

    ``versions`` tells of the versions of a pipeline, the newest first.
    """
    templates = environment()
    templates.filters["clean"] = clean
    kinds = {each.name: each.kind for each in entries}
    pipelines = sum(each.kind == "pipeline" for each in entries)
    said = {"title": clean(title), "entries": entries, "index": [_indexed(each) for each in entries], "pipelines": pipelines}
    yield "index.html", templates.get_template("site_index.html.j2").render(said) + "\n"
    links = {name: f"../{kind}/{name}.html" for name, kind in kinds.items()}
    page = templates.get_template("site_table.html.j2")
    for entry in entries:
        whole = walks.both(entry.name)
        near = whole.next_to(entry.name)
        part = next((each for each in (whole, near) if each.links and len(each.links) <= MOST_LINKS), None)
        picture = None if part is None else layout(part, kinds)
        text = page.render(
            title=clean(title),
            entry=entry,
            links={name: place for name, place in links.items() if name != entry.name},
            picture=picture,
            near=part is near and part != whole,
            crowded=bool(whole.links),
            roles=ROLES if part is None else used(part),
            versions=versions(entry.name) if entry.kind == "pipeline" else (),
            duration=_duration,
            leaving=leaving_said(entry),
        )
        yield f"{entry.kind}/{entry.name}.html", text + "\n"


def _indexed(entry: Entry) -> dict[str, object]:
    """What the search on the index looks at."""
    return {
        "id": f"{entry.kind}-{entry.name}",
        "name": entry.name,
        "kind": entry.kind,
        "doc": entry.doc,
        "owner": entry.owner,
        "columns": [[each.name, " ".join((each.doc, each.unit, each.classification)).strip()] for each in entry.columns],
    }


def _duration(seconds: int) -> str:
    """A length of time in its largest whole unit.

    >>> _duration(129600), _duration(172800), _duration(90)
    ('36 h', '2 d', '90 s')
    """
    sizes = ((86400, "d"), (3600, "h"), (60, "min"))
    size, unit = next(((size, unit) for size, unit in sizes if seconds and seconds % size == 0), (1, "s"))
    return f"{seconds // size} {unit}"
