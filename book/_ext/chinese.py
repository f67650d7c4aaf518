"""The Chinese edition of the core track: messages out of the pages, translations back into them.

    python book/_ext/chinese.py update     bring every catalog up to date with the English pages
    python book/_ext/chinese.py figures    draw the pictures again whose words or English picture have changed
    python book/_ext/chinese.py build      build the edition in _build/chinese, warnings as errors
    python book/_ext/chinese.py share      how many paragraphs and pictures of each page are translated

A paragraph is found by its English text: when this changes, its translation is dropped by `update` and the page shows
the English until somebody translates it again. So an old translation never stands beside new numbers. Code and its
outputs are those of the English edition: they were executed once and are the same in every language. A picture is drawn
a second time, with the page executed again: what differs between processors may differ between the two. It bears the
name of the English picture, a hash, so that it is known to be old as soon as that one has changed.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

import yaml
from babel.messages import pofile
from babel.messages.catalog import Catalog, Message

import figure_words
from editions import FOLDER, pages
from notebooks import ROOT, code_cells, set_environment

LANGUAGE = "zh_CN"
LOCALES = ROOT / "book" / "locale"
CATALOGS = LOCALES / LANGUAGE / "LC_MESSAGES"
PICTURES = LOCALES / LANGUAGE / "figures"
WORDS = "figures/words"
DESCRIPTIONS = "figures/descriptions"
INTERACTIVE = "figures/interactive"
MESSAGES = ROOT / "_build" / "gettext"
FIGURES = ROOT / "_build" / "figures"
EDITION = ROOT / "_build" / "chinese"
BY_PAGE = {"gettext_compact": False, "gettext_uuid": False, "gettext_location": False}
TITLE = "有监督微调：跑起来的书"
ANNOUNCEMENT = "中文版包括封面与核心路线，图中的文字也已译出。其余各页、代码和输出仍是英文。"
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


def translations(page: str) -> dict[str, str]:
    """The messages of a page, or of the figures, with their translations; "" where there is none."""
    path = CATALOGS / f"{page}.po"
    return {message.id: message.string for message in entries(read(path))} if path.exists() else {}


def updated(page: str, template: Iterable[str]) -> Catalog:
    """The catalog of a page with exactly the messages of its template, and every translation that still fits one."""
    before = translations(page)
    found = Catalog(locale=LANGUAGE)
    for text in template:
        # The abstract of every chapter is Chinese already.
        found.add(text, text if ABSTRACT in text else before.get(text, ""))
        found[text].flags.clear()
    return found


def write(page: str, template: Iterable[str]) -> None:
    """Bring the catalog of a page up to date with these messages."""
    catalog, path = updated(page, template), CATALOGS / f"{page}.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        # Without dates and names, a catalog that says the same is the same file.
        pofile.write_po(file, catalog, width=0, omit_header=True)


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
        template = read(MESSAGES / "_build" / "gettext" / f"{page}.pot")
        write(page, [message.id for message in entries(template)])
    write(DESCRIPTIONS, [text for page in pages() for text in shown(page).values()])
    write(INTERACTIVE, dict.fromkeys(word for page in pages() for word in said_live(page)))


def shown(page: str) -> dict[str, str]:
    """The pictures that a page shows."""
    path = ROOT / f"{page}.ipynb"
    return figure_words.pictures(code_cells(path)) if path.exists() else {}


def said_live(page: str) -> list[str]:
    """What the interactive figures of a page say, numbers left out."""
    path = ROOT / f"{page}.ipynb"
    outputs = [output for cell in code_cells(path) for output in cell["outputs"]] if path.exists() else []
    return figure_words.words_of("".join("".join(output.get("data", {}).get("text/html", "")) for output in outputs))


def stale(page: str) -> list[str]:
    """What the Chinese pictures of a page have not, or have otherwise, than its English pictures and the catalog."""
    words, standing = translations(WORDS), {path.name: path for path in (PICTURES / page).glob("*.png")}
    found = [f"{name}: not drawn" for name in shown(page) if name not in standing]
    found += [f"{name}: its English picture is gone" for name in standing.keys() - shown(page).keys()]
    for name, path in standing.items():
        for word, chinese in figure_words.words_in(path).items():
            if not chinese or words.get(word) != chinese:
                found.append(f"{name}: {word!r} is {chinese!r} there and {words.get(word, '')!r} in the catalog")
    return found


def draw() -> None:
    """Draw the Chinese pictures of every page where one is stale; a page is executed if its figures are not kept."""
    set_environment()
    figure_words.prepare()
    FIGURES.mkdir(parents=True, exist_ok=True)
    for page in filter(stale, pages()):
        kept = {name: (FIGURES / name).with_suffix(".pickle") for name in shown(page)}
        if not all(path.exists() for path in kept.values()):
            print(f"{page}: executed for its figures", flush=True)
            figure_words.put_aside(ROOT / f"{page}.ipynb", FIGURES)
        shutil.rmtree(PICTURES / page, ignore_errors=True)
        (PICTURES / page).mkdir(parents=True)
        for name, path in kept.items():
            (PICTURES / page / name).write_bytes(figure_words.draw(path, translations(WORDS)))
    # The catalog holds what the pictures say, no more and no less.
    written = [path for page in pages() for path in sorted((PICTURES / page).glob("*.png"))]
    write(WORDS, dict.fromkeys(word for path in written for word in figure_words.words_in(path)))
    if unknown := [word for word, chinese in translations(WORDS).items() if not chinese]:
        raise SystemExit(f"not translated yet in {CATALOGS / WORDS}.po: {', '.join(map(repr, unknown))}")


def attribute(name: str, value: str) -> str:
    """An attribute as Sphinx writes it, with an apostrophe as it is."""
    held = escape(value, quote=False).replace('"', "&quot;")
    return f'{name}="{held}"'


def exchange(page: str) -> None:
    """Put the Chinese pictures of a built page in the place of the English ones, and all other words of figures."""
    html, described = EDITION / "_build" / "html", translations(DESCRIPTIONS)
    built = (html / f"{page}.html").read_text("utf-8")
    for name, text in shown(page).items():
        if (PICTURES / page / name).exists():
            shutil.copyfile(PICTURES / page / name, html / "_images" / name)
        before, after = (attribute("alt", each) for each in (text, described.get(text) or text))
        # A second build leaves alone the pages that did not change.
        if before not in built and after not in built:
            raise SystemExit(f"{page}: the built page does not describe {name}")
        built = built.replace(before, after)
    words = translations(INTERACTIVE)
    built = figure_words.interactive(built, lambda text: figure_words.translate(text, words))
    (html / f"{page}.html").write_text(built, "utf-8")


def translated_contents() -> Path:
    """The table of contents with its captions translated: the sidebar takes them as they stand there."""
    said = translations("book/index")
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    for part in contents["parts"]:
        part["caption"] = said[part["caption"]]
    EDITION.mkdir(parents=True, exist_ok=True)
    written = EDITION / "_toc.yml"
    written.write_text(yaml.safe_dump(contents, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return written


def spoken(page: str, built: str) -> bool:
    """Whether most of the translations without markup stand on the built page."""
    plain = [text for text in translations(page).values() if PLAIN.fullmatch(text)]
    return 2 * sum(text in built for text in plain) > len(plain)


def build() -> None:
    """Build the edition; a page, a paragraph or a picture that is not in it stays English."""
    settings = config(language=LANGUAGE, locale_dirs=[str(LOCALES)], html_title=TITLE, **BY_PAGE)
    options = settings["sphinx"]["config"]["html_theme_options"]
    options["announcement"] = ANNOUNCEMENT
    options["logo"]["text"] = TITLE
    # A page names its own address, to search engines and where somebody shares it.
    settings["html"]["baseurl"] += FOLDER
    settings["sphinx"]["config"]["ogp_site_url"] += FOLDER
    jupyter_book(EDITION, {**settings, "title": TITLE}, "--toc", str(translated_contents()))
    # A catalog that Sphinx does not find is no warning, it is a page in English.
    english = [
        page for page in pages() if not spoken(page, (EDITION / "_build/html" / f"{page}.html").read_text("utf-8"))
    ]
    if english:
        raise SystemExit(f"built, but in English: {', '.join(english)}")
    for page in pages():
        exchange(page)
    print(f"The Chinese edition is built. Open file://{EDITION}/_build/html/index.html")


def share() -> str:
    """One line a page: translated messages and pictures, of how many; then what is wrong with the pictures."""
    lines = []
    for page in pages():
        found, pictures = translations(page), shown(page)
        drawn = sum((PICTURES / page / name).exists() for name in pictures)
        said = f"{page}: {sum(map(bool, found.values()))} of {len(found)}"
        lines.append(f"{said}, pictures {drawn} of {len(pictures)}" if pictures else said)
    return "\n".join([*lines, *(fault for page in pages() for fault in stale(page))])


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("update", "figures", "build", "share"))
    what = parser.parse_args(arguments).what
    if what == "update":
        update()
    elif what == "figures":
        draw()
    elif what == "build":
        build()
    print(share())


if __name__ == "__main__":
    main()
