"""mutants.py [FILE…]: changes the core in small ways, one at a time, and reports which changes its own tests do not notice. Without
files, it takes all of core. mutants.sh installs what it needs and calls it.

cargo-mutants lists the changes. A build for each would take most of a day, so one build holds them all: a changed function has one
body for each of its changes, and an environment variable chooses one. Only the tests that reach the function run. Changes that
cannot be chosen at run time (constants, and functions that return an `impl`) are built one by one. A change that does not compile
does not count.
"""

import collections
import itertools
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
HOME = ROOT / "target/mutants"
TREE = HOME / "tree"
LIBRARY = "core/src/lib.rs"
CHOICE, REACHED = "PAYMENTS_MUTANT", "PAYMENTS_REACHED"
SECONDS = 60
MEMORY = 4 << 30
CHOOSE = """
/// Which mutant runs; where none is chosen, notes that a test reached the function.
pub fn mutant(function: usize) -> u32 {
    static CHOSEN: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    static REACHED: [std::sync::atomic::AtomicBool; COUNT] = [const { std::sync::atomic::AtomicBool::new(false) }; COUNT];
    let chosen = *CHOSEN.get_or_init(|| std::env::var("CHOICE").ok().and_then(|text| text.parse().ok()).unwrap_or(0));
    if chosen == 0 && !REACHED[function].swap(true, std::sync::atomic::Ordering::Relaxed) {
        if let Ok(path) = std::env::var("NOTED") {
            use std::io::Write;
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
            file.write_all(format!("{function}\\n").as_bytes()).unwrap();
        }
    }
    chosen
}
"""
ENVIRONMENT = os.environ | {
    "CARGO_TARGET_DIR": str(HOME / "build"),
    "CARGO_PROFILE_DEV_OPT_LEVEL": "1",  # property tests take most of the time of a mutant
    "CARGO_PROFILE_DEV_DEBUG": "0",
    "CARGO_PROFILE_DEV_LTO": "off",
    "RUSTFLAGS": "--cap-lints=warn -Awarnings",
    # A property that fails has noticed the change, so its failing numbers need not be shrunk.
    "PROPTEST_MAX_SHRINK_ITERS": "0",
    "PROPTEST_DISABLE_FAILURE_PERSISTENCE": "1",
}


class Mutant:
    """One change."""

    def __init__(self, number, listed, text, starts):
        place = lambda point: starts[point["line"] - 1] + point["column"] - 1
        span = lambda of: (place(of["start"]), place(of["end"]))
        self.number, self.name, self.file, self.replacement = number, listed["name"], listed["file"], listed["replacement"]
        self.start, self.end = span(listed["span"])
        function = listed["function"]
        self.function = span(function["span"]) if function else None
        self.is_alone = function is None or "impl " in function["return_type"] or "const fn " in head(text, self.function)
        self.lines = self.place = None

    def applied(self, text, start, end):
        """This part of the file with the change applied."""
        return text[start : self.start] + self.replacement + text[self.end : end]


def head(text, function):
    """The text of a function up to its body, without comments and attributes."""
    declared = re.compile(r"^\s*(?:pub(?:\([^)]*\))? )?(?:const )?fn \w[^{]*\{", re.MULTILINE)
    return declared.search(text, text.rfind("\n", 0, function[0]) + 1, function[1]).group().lstrip()


def body(text, function):
    """Where the body of a function begins and ends, without its braces."""
    opening = head(text, function)
    return text.index(opening, function[0]) + len(opening), function[1] - 1


def listed(files):
    """All possible changes of these files."""
    command = ["cargo", "mutants", "--package", "payments-core", "--list", "--json"]
    command += itertools.chain.from_iterable(("--file", file) for file in files)
    found = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    texts, mutants = {}, []
    for number, one in enumerate(found, 1):
        text = texts.setdefault(one["file"], (ROOT / one["file"]).read_text())
        starts = [0, *itertools.accumulate(len(line) for line in text.splitlines(keepends=True))]
        mutants.append(Mutant(number, one, text, starts))
    return texts, mutants


def together(text, mutants, places):
    """The file with one body for each change. Sets the lines of each change, and the number of its function."""
    functions = {mutant.function for mutant in mutants}
    outermost = [one for one in functions if not any(o != one and o[0] <= one[0] and one[1] <= o[1] for o in functions)]
    parts, done, line = [], 0, 1

    def put(part):
        nonlocal line
        parts.append(part)
        line += part.count("\n")

    for function in sorted(outermost):
        start, end = body(text, function)
        place = next(places)
        put(f"{text[done:start]}\nmatch crate::mutant({place}) {{\n")
        for mutant in mutants:
            if function[0] <= mutant.start < function[1]:
                first = line
                put(f"{mutant.number} => {{\n{mutant.applied(text, start, end)}\n}}\n")
                mutant.lines, mutant.place = (first, line), place
        put(f"_ => {{\n{text[start:end]}\n}}\n}}\n")
        done = end
    put(text[done:])
    return "".join(parts)


def write(sources):
    """Writes the sources that differ from those in the tree."""
    for file, text in sources.items():
        if (TREE / file).read_text() != text:
            (TREE / file).write_text(text)


def all_at_once(texts, mutants):
    """The sources with all mutants that can be chosen at run time."""
    places = itertools.count()
    mutants = [mutant for mutant in mutants if not mutant.is_alone]
    sources = {file: together(text, [one for one in mutants if one.file == file], places) for file, text in texts.items()}
    sources[LIBRARY] += CHOOSE.replace("COUNT", str(next(places))).replace("CHOICE", CHOICE).replace("NOTED", REACHED)
    return sources


def cargo(*arguments):
    command = ["cargo", *arguments, "--package", "payments-core", "--message-format=json", "--quiet"]
    done = subprocess.run(command, cwd=TREE, env=ENVIRONMENT, capture_output=True, text=True)
    return done, [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def without_unviable(texts, mutants):
    """The mutants that compile. The compiler stops at the first kind of error, so it runs until there is none."""
    while True:
        write(all_at_once(texts, mutants))
        done, messages = cargo("check", "--tests")
        if done.returncode == 0:
            return mutants
        errors = [one["message"] for one in messages if one["reason"] == "compiler-message" and one["message"]["level"] == "error"]
        spans = [span for error in errors for span in error["spans"] if span["is_primary"]]
        at = {(span["file_name"], span["line_start"]) for span in spans}
        stands = lambda mutant, file, line: mutant.file == file and mutant.lines[0] <= line < mutant.lines[1]
        bad = {mutant for mutant in mutants if not mutant.is_alone and any(stands(mutant, *one) for one in at)}
        if not bad:
            raise SystemExit("error: the tests don't compile\n" + "".join(error["rendered"] for error in errors))
        mutants = [mutant for mutant in mutants if mutant not in bad]
        print(f"{len(bad)} changes don't compile", flush=True)


def built():
    """The test programs, or None if they do not compile."""
    done, messages = cargo("test", "--no-run")
    programs = [one["executable"] for one in messages if one.get("executable") and one["profile"]["test"]]
    return programs if done.returncode == 0 else None


def passes(program, tests, **environment):
    """Whether these tests pass; all tests if none is named. Stops at the first failure and at the time limit."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    command = ["timeout", str(SECONDS), program, "--test-threads=1", *(["--exact", *tests] if tests else [])]
    with subprocess.Popen(
        command, cwd=TREE / "core", env=ENVIRONMENT | environment, preexec_fn=limit, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as running:  # fmt: skip
        for line in running.stdout:
            if line.endswith("... FAILED\n"):
                running.terminate()
                return False
    return running.returncode == 0


class Test:
    """A test, how long it takes, and the functions that it reaches."""

    def __init__(self, program, name):
        self.program, self.name = program, name
        noted = HOME / "reached.txt"
        noted.unlink(missing_ok=True)
        started = time.monotonic()
        if not passes(program, [name], **{REACHED: str(noted)}):
            raise SystemExit(f"error: {name} fails without any change")
        self.seconds = time.monotonic() - started
        self.reached = set(map(int, noted.read_text().split())) if noted.exists() else set()


def is_caught(tests, mutant):
    """Whether a test that reaches the mutant's function fails: first all quick ones together, then each of the others."""
    reaching = sorted((test for test in tests if mutant.place in test.reached), key=lambda test: test.seconds)
    quick = collections.defaultdict(list)
    for test in reaching:
        if test.seconds < 1:
            quick[test.program].append(test.name)
    slow = [(test.program, [test.name]) for test in reaching if test.seconds >= 1]
    chosen = {CHOICE: str(mutant.number)}
    return not all(passes(program, names, **chosen) for program, names in [*quick.items(), *slow])


def copy_tree():
    """Copies the files of the working tree that the build and the tests read."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    shutil.rmtree(TREE, ignore_errors=True)
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (TREE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, TREE / name)


def judged(texts, mutants):
    """Each viable mutant, and whether a test catches it."""
    programs = built()
    if not programs:
        raise SystemExit("error: the tests don't compile")
    named = lambda program: subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout.splitlines()
    tests = [
        Test(program, line.removesuffix(": test")) for program in programs for line in named(program) if line.endswith(": test")
    ]
    # A number that belongs to no mutant must change nothing either.
    if not all(passes(program, [], **{CHOICE: str(2**31)}) for program in programs):
        raise SystemExit("error: the tests fail together")
    print(f"{len(tests)} tests pass without any change", flush=True)
    for mutant in (mutant for mutant in mutants if not mutant.is_alone):
        yield mutant, is_caught(tests, mutant)
    for mutant in (mutant for mutant in mutants if mutant.is_alone):
        text = texts[mutant.file]
        write(texts | {mutant.file: mutant.applied(text, 0, len(text))})
        programs = built()
        if programs:
            yield mutant, not all(passes(program, []) for program in programs)


def main():
    texts, mutants = listed(sys.argv[1:])
    texts.setdefault(LIBRARY, (ROOT / LIBRARY).read_text())
    print(f"{len(mutants)} changes", flush=True)
    copy_tree()
    mutants = without_unviable(texts, mutants)
    caught, missed = collections.Counter(), collections.Counter()
    with (HOME / "missed.txt").open("w") as file:
        for mutant, was_caught in judged(texts, mutants):
            (caught if was_caught else missed)[mutant.file] += 1
            if not was_caught:
                print(mutant.name, file=file, flush=True)
    for name in sorted(caught | missed):
        print(f"{caught[name]:4} of {caught[name] + missed[name]:4}  {name}")
    every = caught.total() + missed.total()
    if every == 0:
        raise SystemExit("error: there was no viable mutant")
    share = 100 * caught.total() / every
    print(f"{share:.1f} % of {every} viable mutants are caught; the {missed.total()} others are in {HOME}/missed.txt")


if __name__ == "__main__":
    main()
