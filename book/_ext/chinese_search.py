"""The search of the Chinese edition: Chinese is written without spaces, so its words are found by their characters.

Sphinx cuts Chinese with a library that is not among the book's, and without it leaves every Chinese word out of the
index. Here each pair of neighbouring characters is a term, and so is each character alone; a query is cut into pairs in
the same way, and a page is found if it holds all of them. No dictionary can be too old for a term of the field.
"""

from __future__ import annotations

import re

from sphinx.search.zh import SearchChinese

RUN = re.compile("[\u4e00-\u9fff]+|[A-Za-z0-9_]+")
SPLITTER = """
var splitQuery = function (query) {
  return (query.match(/[\\u4e00-\\u9fff]+|[A-Za-z0-9_]+/g) || []).flatMap(function (run) {
    if (run.charCodeAt(0) < 0x4e00 || run.length === 1) return [run];
    return Array.from({length: run.length - 1}, function (_, at) { return run.slice(at, at + 2); });
  });
};
"""


def is_chinese(run: str) -> bool:
    """Whether a run of `RUN` is one of Chinese characters."""
    return run[0] >= "\u4e00"


def pairs(run: str) -> list[str]:
    """The pairs of neighbours; of one character, the character."""
    return [run[at : at + 2] for at in range(max(len(run) - 1, 1))]


class SearchByCharacters(SearchChinese):
    """Sphinx's Chinese, cut into pairs and single characters; Latin words stay as they are there."""

    js_splitter_code = SPLITTER

    def split(self, input: str) -> list[str]:
        runs = RUN.findall(input)
        latin = [run for run in runs if not is_chinese(run)]
        chinese = [run for run in runs if is_chinese(run)]
        return [term for run in chinese for term in (*pairs(run), *run)] + latin

    def word_filter(self, stemmed_word: str) -> bool:
        return len(stemmed_word) > 1 or (stemmed_word != "" and is_chinese(stemmed_word))

    def stem(self, word: str) -> str:
        """As Sphinx does, without looking each word up in its list of all Latin words: that took minutes of a build."""
        stemmed = self.stemmer.stemWord(word.lower())
        return word.lower() if len(word) >= 3 > len(stemmed) else stemmed


def setup(app):
    app.add_search_language(SearchByCharacters)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
