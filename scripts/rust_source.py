"""rust_source.py: makes Rust text safe for regular expressions. circles.py and sizes.py use it."""

import re

TOKEN = re.compile(
    r"""(?P<line>//[^\n]*)
      | (?P<block>/\*)
      | (?P<raw>\b(?:br|cr|r)(?P<marks>\#*)")
      | (?P<text>(?:\b[bc])?"(?:\\.|[^"\\])*")
      | (?P<char>(?:\bb)?'(?:\\(?:u\{[^}]*\}|x..|.)|[^'\\\n])')""",
    re.X | re.S,
)


def blank(text):
    """The text with spaces instead of letters, so that every line and offset stays the same."""
    return re.sub(r"[^\n]", " ", text)


def end_of_block_comment(text, start):
    depth, at = 1, start + 2
    while depth and at < len(text):
        if text.startswith("/*", at):
            depth, at = depth + 1, at + 2
        elif text.startswith("*/", at):
            depth, at = depth - 1, at + 2
        else:
            at += 1
    return at


def code_only(text):
    """The text without comments, strings and characters."""
    parts, at = [], 0
    while found := TOKEN.search(text, at):
        end = found.end()
        if found["block"]:
            end = end_of_block_comment(text, found.start())
        elif found["raw"]:
            closing = text.find('"' + found["marks"], end)
            end = len(text) if closing < 0 else closing + 1 + len(found["marks"])
        parts += [text[at:found.start()], blank(text[found.start():end])]
        at = end
    return "".join(parts) + text[at:]


def closing_brace(code, opening):
    """The place of the brace that closes the one at `opening`."""
    depth = 0
    for at in range(opening, len(code)):
        depth += (code[at] == "{") - (code[at] == "}")
        if depth == 0:
            return at
    return len(code) - 1


def end_of_item(code, start):
    """The end of the item that begins at `start` with its attributes: a semicolon or a closing brace."""
    at = start
    while attribute := re.compile(r"\s*#\[").match(code, at):
        depth, at = 1, attribute.end()
        while depth and at < len(code):
            depth += (code[at] == "[") - (code[at] == "]")
            at += 1
    found = re.compile(r"[;{]").search(code, at)
    if not found:
        return len(code)
    if found[0] == ";":
        return found.end()
    end = closing_brace(code, found.start()) + 1
    # `use a::{b, c};` ends after its braces.
    return code.index(";", end) + 1 if re.match(r"\s*(pub(\([^)]*\))?\s+)?use\b", code[at:]) else end


TEST_ONLY = re.compile(r"#\[cfg\((?:test|any\(test\b[^\]]*|all\(test\b[^\]]*)\)\]")


def without_tests(code):
    """The code without the items that only tests compile, and the names of those that are modules in other files."""
    files = set()
    while found := TEST_ONLY.search(code):
        end = end_of_item(code, found.end())
        if module := re.search(r"\bmod\s+(\w+)\s*;", code[found.end():end]):
            files.add(module[1])
        code = code[:found.start()] + blank(code[found.start():end]) + code[end:]
    return code, files
