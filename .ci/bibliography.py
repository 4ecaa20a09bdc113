"""Works cited: `nbs/references.bib` is the one list of them.

A notebook cites a work by a link to its DOI or its page on arXiv, which can be clicked in JupyterLab and on GitHub,
or by Pandoc's `[@key]`. On the site both show the whole work under the pointer, and a page lists what it cites."""

import re

import bibtexparser
from bibtexparser import middlewares

import api_tables

link_to_work = re.compile(
    r"\[(?P<text>[^\[\]]+)\]\((?P<url>https?://(?:doi\.org/|arxiv\.org/abs/)(?P<id>[^\s)\"]+))\)"
)
keys_of_works = re.compile(r"\[(@[\w:.-]+(?:; ?@[\w:.-]+)*)\]")


def read(path):
    "{key: a work as a sentence, short and long, with the addresses it has}."
    readable = [
        middlewares.LatexDecodingMiddleware(),
        middlewares.SeparateCoAuthors(),
        middlewares.SplitNameParts(),
    ]
    library = bibtexparser.parse_file(str(path), append_middleware=readable)
    if library.failed_blocks:
        raise ValueError(f"{path.name}: {library.failed_blocks[0].raw[:80]!r} cannot be read.")
    return {entry.key: work(entry) for entry in library.entries}


def work(entry):
    fields = {field.key.lower(): field.value for field in entry.fields}
    people = [" ".join(p.first + p.von + p.last) for p in fields["author"]]
    families = [" ".join(p.von + p.last) for p in fields["author"]]
    who = " and ".join(families) if len(families) < 3 else f"{families[0]} et al."
    people, who = [text.replace(" and others", " et al.") for text in (", ".join(people), who)]
    people = people.replace(", others", " et al.")
    where = next((fields[k] for k in ("journal", "booktitle", "publisher") if k in fields), "arXiv")
    at = {}
    if "doi" in fields:
        at[fields["doi"].lower()] = f"https://doi.org/{fields['doi']}"
    if "eprint" in fields:
        at[fields["eprint"]] = f"https://arxiv.org/abs/{fields['eprint']}"
    whole = f"{people} ({fields['year']}). {fields['title']}. {where}"
    return dict(short=f"{who} {fields['year']}", whole=whole, at=at, year=fields["year"])


def cite(cells, works, name):
    "Works named in a page's text: said in full under the pointer, and listed at its end."
    by_address = {address: key for key, w in works.items() for address in w["at"]}
    cited = set()

    def linked(match):
        key = by_address.get(match["id"].lower())
        if key is None:
            return match[0]
        cited.add(key)
        return f'[{match["text"]}]({match["url"]} "{quoted(works[key])}")'

    def keyed(match):
        keys = re.findall(r"@([\w:.-]+)", match[1])
        unknown = [key for key in keys if key not in works]
        if unknown:
            raise ValueError(f"{name} cites {unknown[0]!r}, which is not in references.bib.")
        cited.update(keys)
        return "(" + "; ".join(link(works[key]) for key in keys) + ")"

    for cell in cells:
        if cell["cell_type"] != "markdown":
            continue
        text = link_to_work.sub(linked, "".join(cell["source"]))
        text = keys_of_works.sub(keyed, text)
        if "::: {#refs}" in text:
            cited = set(works)
        cell["source"] = text
    if cited:
        heading = "" if name == "references.ipynb" else "## References\n\n"
        cells.append(api_tables.markdown(heading + listing([works[key] for key in cited])))


def quoted(w):
    return w["whole"].replace('"', "'")


def link(w):
    return f'[{w["short"]}]({next(iter(w["at"].values()), "#references")} "{quoted(w)}")'


def listing(works):
    lines = []
    for w in sorted(works, key=lambda w: w["whole"].lower()):
        ends = [f"[{url.split('//')[1]}]({url})" for url in w["at"].values()]
        lines.append(f"- {w['whole']}. {', '.join(ends)}")
    return "\n".join(lines)
