"""The Chinese edition of the core track: messages out of the pages, translations back into them.

    python book/_ext/chinese.py update     bring every catalog up to date with the English pages
    python book/_ext/chinese.py build      build the edition in _build/chinese, warnings as errors
    python book/_ext/chinese.py share      how many paragraphs of each page are translated

A paragraph is found by its English text: when this changes, its translation is dropped by `update` and the page shows
the English until somebody translates it again. So an old translation never stands beside new numbers. Code and its
outputs are those of the English edition: they were executed once and are the same in every language.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import yaml
from babel.messages import pofile
from babel.messages.catalog import Catalog, Message

from notebooks import ROOT
from road_map import road_map

LANGUAGE = "zh_CN"
LOCALES = ROOT / "book" / "locale"
CATALOGS = LOCALES / LANGUAGE / "LC_MESSAGES"
MESSAGES = ROOT / "_build" / "gettext"
EDITION = ROOT / "_build" / "chinese"
BY_PAGE = {"gettext_compact": False, "gettext_uuid": False, "gettext_location": False}
TITLE = "有监督微调：跑起来的书"
ANNOUNCEMENT = "中文版包括封面与核心路线。其余各页、代码、输出和图仍是英文。"
ABSTRACT = "**本章要点**"
# What a translation takes over as it is: code, formulas, where links and roles lead, tags of HTML.
ROLE = re.compile(r"\{([a-z:]+)\}`(?:[^`<]*<)?([^`<>]+)>?`")
KEPT = {
    "code": re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)"),
    "formula": re.compile(r"(?<![\\$])(\$\$?)(?!\$)(.+?)(?<![\\$])\1(?!\$)"),
    "link": re.compile(r"(\]\()([^)\s]+)"),
    "tag": re.compile(r"(</?)([a-z]+)"),
}
PLAIN = re.compile("[\u4e00-\u9fff，。；：]{8,}")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def pages() -> list[str]:
    """The pages of this edition: the cover and the core track, as `book/index`."""
    core, _ = road_map()
    return ["book/index", *(stop.page for stop in core)]


def config(**changes: object) -> dict[str, object]:
    """The book's own configuration with these changes to what Sphinx reads."""
    found = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    found["sphinx"]["config"].update(changes)
    # Their folders are looked for from where the configuration lies, and this one will lie elsewhere.
    extensions = found["sphinx"]["local_extensions"]
    found["sphinx"]["local_extensions"] = {name: str(ROOT / folder) for name, folder in extensions.items()}
    return found


def jupyter_book(out: Path, settings: dict[str, object], *options: str) -> None:
    """Build the book into another folder with another configuration; a warning is an error."""
    out.mkdir(parents=True, exist_ok=True)
    written = out / "_config.yml"
    written.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    program = Path(sys.executable).with_name("jupyter-book")
    command = [program, "build", ".", "--config", written, "--path-output", out, "-W", "--keep-going", "--quiet"]
    subprocess.run([*command, *options], cwd=ROOT, check=True)


def read(path: Path) -> Catalog:
    """One catalog, as it lies on disk."""
    with path.open("rb") as file:
        return pofile.read_po(file, locale=LANGUAGE if path.suffix == ".po" else None)


def entries(catalog: Catalog) -> Iterator[Message]:
    """The messages of a catalog without its header."""
    return (message for message in catalog if message.id)


def updated(page: str, template: Catalog) -> Catalog:
    """The catalog of a page with exactly the messages of its template, and every translation that still fits one."""
    path = CATALOGS / f"{page}.po"
    before = {message.id: message.string for message in entries(read(path))} if path.exists() else {}
    found = Catalog(locale=LANGUAGE)
    for message in entries(template):
        # The abstract of every chapter is Chinese already.
        found.add(message.id, message.id if ABSTRACT in message.id else before.get(message.id, ""))
        found[message.id].flags.clear()
    return found


def faults(english: str, chinese: str) -> list[str]:
    """What a translation lost or added of the things that it has to take over as they are."""
    roles = [Counter(ROLE.findall(text)) for text in (english, chinese)]
    found = [f"role lost: {role} {target}" for role, target in roles[0] - roles[1]]
    found += [f"role added: {role} {target}" for role, target in roles[1] - roles[0]]
    english, chinese = (ROLE.sub("", text) for text in (english, chinese))
    for kind, pattern in KEPT.items():
        wanted, given = (Counter(pattern.findall(text)) for text in (english, chinese))
        found += [f"{kind} lost: {match[-1]}" for match in wanted - given]
        found += [f"{kind} added: {match[-1]}" for match in given - wanted]
    lost = Counter(NUMBER.findall(english)) - Counter(NUMBER.findall(chinese))
    return [*found, *(f"number lost: {number}" for number in lost)]


def update() -> None:
    """Extract the messages of the English pages and bring the catalogs of this edition up to date."""
    jupyter_book(MESSAGES, config(**BY_PAGE), "--builder", "custom", "--custom-builder", "gettext")
    for page in pages():
        catalog = updated(page, read(MESSAGES / "_build" / "gettext" / f"{page}.pot"))
        path = CATALOGS / f"{page}.po"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            # Without dates and names, a catalog that says the same is the same file.
            pofile.write_po(file, catalog, width=0, omit_header=True)


def translated_contents() -> Path:
    """The table of contents with its captions translated: the sidebar takes them as they stand there."""
    said = {each.id: each.string for each in entries(read(CATALOGS / "book/index.po"))}
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    for part in contents["parts"]:
        part["caption"] = said[part["caption"]]
    EDITION.mkdir(parents=True, exist_ok=True)
    written = EDITION / "_toc.yml"
    written.write_text(yaml.safe_dump(contents, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return written


def spoken(page: str, built: str) -> bool:
    """Whether most of the translations without markup stand on the built page."""
    plain = [each.string for each in entries(read(CATALOGS / f"{page}.po")) if PLAIN.fullmatch(each.string)]
    return 2 * sum(text in built for text in plain) > len(plain)


def build() -> None:
    """Build the edition; a page that is not in it stays English."""
    settings = config(language=LANGUAGE, locale_dirs=[str(LOCALES)], html_title=TITLE, **BY_PAGE)
    options = settings["sphinx"]["config"]["html_theme_options"]
    options["announcement"] = ANNOUNCEMENT
    options["logo"]["text"] = TITLE
    jupyter_book(EDITION, {**settings, "title": TITLE}, "--toc", str(translated_contents()))
    # A catalog that Sphinx does not find is no warning, it is a page in English.
    english = [
        page for page in pages() if not spoken(page, (EDITION / "_build/html" / f"{page}.html").read_text("utf-8"))
    ]
    if english:
        raise SystemExit(f"built, but in English: {', '.join(english)}")
    print(f"The Chinese edition is built. Open file://{EDITION}/_build/html/index.html")


def share() -> str:
    """One line a page: translated messages, of how many."""
    lines = []
    for page in pages():
        found = list(entries(read(CATALOGS / f"{page}.po")))
        lines.append(f"{page}: {sum(bool(message.string) for message in found)} of {len(found)}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("update", "build", "share"))
    what = parser.parse_args(arguments).what
    if what == "update":
        update()
    elif what == "build":
        build()
    print(share())


if __name__ == "__main__":
    main()
